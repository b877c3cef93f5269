//! What writes into the tables, and looks what others have written.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;
use tokio_postgres::{Client, IsolationLevel, Row, Transaction};

use super::mirror::{Change, Held, Mirror};
use super::session::{Session, each_row};
use crate::events::store::Refit;
use crate::events::writer::{Done, Wish, Writes};
use crate::events::{Erased, Event, Kept, StoreError};

/// How long after one look comes the next.
const PAUSE: Duration = Duration::from_secs(1);
/// So many rows of others are read, or get their numbers, before it is looked whether somebody waits.
const AT_ONCE: i64 = 20_000;

/// The one that writes.
pub(in crate::events) struct Keeper {
    session: Session,
    mirror: Arc<Mirror>,
    due: Instant,
}

impl Keeper {
    pub(super) fn new(session: Session, mirror: Arc<Mirror>) -> Self {
        Self { session, mirror, due: Instant::now() + PAUSE }
    }

    /// Gives numbers to rows that have none, and takes in all that is new; whether there may be more.
    fn catch_up(&mut self) -> Result<bool, StoreError> {
        let Some(seen) = self.mirror.seen() else { return Ok(false) };
        let sql =
            "SELECT next, EXISTS (SELECT FROM cofactor_events WHERE number IS NULL) FROM cofactor_store";
        let Self { session, mirror, .. } = self;
        session.run(async |client| {
            let row = client.query_typed_one(sql, &[]).await?;
            let (next, fresh): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
            if (next as u64) < seen {
                // A copy took the server's place that had not heard of the last commits, or a backup did.
                load(client, mirror, mirror.from()).await?;
                return Ok(false);
            }
            if next as u64 > seen {
                let until = (seen + AT_ONCE as u64).min(next as u64);
                let transaction = client.transaction().await?;
                let mut changes = Vec::new();
                between(&transaction, seen, until, |change| changes.push(change)).await?;
                mirror.take(changes, seen, until);
                if until < next as u64 {
                    return Ok(true);
                }
            }
            if !fresh {
                return Ok(false);
            }
            let mut ledger = Ledger::open(client).await?;
            let first = ledger.next;
            let numbered = ledger.number().await?;
            let Closed { changes, next, .. } = ledger.close().await?;
            mirror.take(changes, first as u64, next as u64);
            Ok(numbered == AT_ONCE as usize)
        })
    }
}

impl Writes for Keeper {
    fn commit(&mut self, batch: &[Wish]) -> Result<Vec<Done>, StoreError> {
        let (session, mirror) = (&mut self.session, &self.mirror);
        let closing = Cell::new(false);
        let outcome = session.run(async |client| {
            let mut ledger = Ledger::open(client).await?;
            let first = ledger.next;
            ledger.carry_out(batch).await?;
            closing.set(true);
            let Closed { changes, done, next } = ledger.close().await?;
            mirror.take(changes, first as u64, next as u64);
            Ok(done)
        });
        // What the server refuses for good shows that it answers.
        let lost = outcome.as_ref().err().filter(|error| error.passing);
        self.mirror.note(lost.map(|error| error.problem.clone()));
        outcome.map_err(|error| if closing.get() { uncertain(error) } else { error })
    }

    fn due(&self) -> Option<Instant> {
        Some(self.due)
    }

    fn look(&mut self) {
        let outcome = self.catch_up();
        self.due = match outcome {
            Ok(true) => Instant::now(),
            _ => Instant::now() + PAUSE,
        };
        self.mirror.note(outcome.err().map(|error| error.problem));
    }
}

/// A connection that is lost during the commit does not tell whether the server has done it.
fn uncertain(error: StoreError) -> StoreError {
    error.hint("it is not certain whether this was kept; send it again: an event with an id counts once")
}

/// Fills the mirror with all from that number on.
pub(super) async fn load(client: &mut Client, mirror: &Mirror, from: u64) -> Result<(), StoreError> {
    let isolation = IsolationLevel::RepeatableRead;
    let reading = client.build_transaction().isolation_level(isolation).read_only(true).start().await?;
    let next: i64 = reading.query_typed_one("SELECT next FROM cofactor_store", &[]).await?.try_get(0)?;
    let mut held = Held::new(from);
    between(&reading, from, next as u64, |change| held.take(change)).await?;
    held.complete(from, next as u64);
    mirror.fill(held);
    Ok(())
}

/// The events that a wish brings.
fn events_of(wish: &Wish) -> &[Event] {
    match wish {
        Wish::Append(events, _) => events,
        _ => &[],
    }
}

/// All changes from one number to before another. Users who are erased meanwhile have later marks, and are noticed by the next look.
async fn between(
    transaction: &Transaction<'_>,
    from: u64,
    next: u64,
    mut take: impl FnMut(Change),
) -> Result<(), StoreError> {
    let range = [(from as i64, Type::INT8), (next as i64, Type::INT8)];
    let sql = "SELECT number, user_id, item_id, value FROM cofactor_events \
               WHERE number >= $1 AND number < $2 ORDER BY number";
    each_row(transaction, sql, &range, |row| {
        take(change(row)?);
        Ok(())
    })
    .await?;
    let sql = "SELECT number, user_id FROM cofactor_erased WHERE number >= $1 AND number < $2";
    each_row(transaction, sql, &range, |row| {
        take(Change::Erased { number: row.try_get::<_, i64>(0)? as u64, user: row.try_get(1)? });
        Ok(())
    })
    .await
}

fn change(row: &Row) -> Result<Change, StoreError> {
    let number: i64 = row.try_get(0)?;
    Ok(Change::Event {
        number: number as u64,
        user: row.try_get(1)?,
        item: row.try_get(2)?,
        value: row.try_get(3)?,
    })
}

/// A transaction that gives numbers: nobody else does until it ends, so numbers become visible in their order.
struct Ledger<'c> {
    transaction: Transaction<'c>,
    next: i64,
    done: Vec<Done>,
    changes: Vec<Change>,
}

/// What a ledger has brought about.
struct Closed {
    done: Vec<Done>,
    changes: Vec<Change>,
    next: i64,
}

impl<'c> Ledger<'c> {
    async fn open(client: &'c mut Client) -> Result<Self, StoreError> {
        let transaction = client.transaction().await?;
        let sql = "SELECT next FROM cofactor_store FOR UPDATE";
        let next = transaction.query_typed_one(sql, &[]).await?.try_get(0)?;
        Ok(Self { transaction, next, done: Vec::new(), changes: Vec::new() })
    }

    async fn close(self) -> Result<Closed, StoreError> {
        let Self { transaction, next, done, changes } = self;
        let sql = "UPDATE cofactor_store SET next = $1 WHERE next <> $1";
        transaction.execute_typed(sql, &[(&next, Type::INT8)]).await?;
        transaction.commit().await?;
        Ok(Closed { done, changes, next })
    }

    /// All wishes in their order; those for events that follow each other by one statement.
    async fn carry_out(&mut self, batch: &[Wish]) -> Result<(), StoreError> {
        let both_append =
            |one: &Wish, next: &Wish| matches!((one, next), (Wish::Append(..), Wish::Append(..)));
        for wishes in batch.chunk_by(both_append) {
            match &wishes[0] {
                Wish::Append(..) => self.append(wishes).await?,
                Wish::Erase(user, _) => self.erase(user).await?,
                Wish::Trained(refit, until, _) => self.trained(refit, *until as i64).await?,
            }
        }
        Ok(())
    }

    async fn append(&mut self, wishes: &[Wish]) -> Result<(), StoreError> {
        let events: Vec<&Event> = wishes.iter().flat_map(events_of).collect();
        let first = self.next;
        let accepted = self.insert(&events).await?;
        let mut number = first;
        for wish in wishes {
            let mut kept = Kept::default();
            for event in events_of(wish) {
                if accepted.contains(&number) {
                    kept.accepted += 1;
                    let (user, item) = (event.user.as_str().into(), event.item.as_str().into());
                    self.changes.push(Change::Event {
                        number: number as u64,
                        user,
                        item,
                        value: event.value,
                    });
                } else {
                    kept.duplicates += 1;
                }
                number += 1;
            }
            self.done.push(Done::Kept(kept));
        }
        self.next = number;
        Ok(())
    }

    /// Inserts events with the numbers from the next one on; returns the numbers of those whose ids were not there.
    async fn insert(&self, events: &[&Event]) -> Result<BTreeSet<i64>, StoreError> {
        let numbers: Vec<i64> = (self.next..).take(events.len()).collect();
        let users: Vec<&str> = events.iter().map(|event| event.user.as_str()).collect();
        let items: Vec<&str> = events.iter().map(|event| event.item.as_str()).collect();
        let values: Vec<f32> = events.iter().map(|event| event.value).collect();
        let times: Vec<i64> = events.iter().map(|event| event.time.unwrap_or_default()).collect();
        let ids: Vec<Option<&str>> = events.iter().map(|event| event.id.as_deref()).collect();
        let sql = "INSERT INTO cofactor_events (number, user_id, item_id, value, time, event_id) \
                   SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT (event_id) DO NOTHING RETURNING number";
        let columns = [
            (&numbers as _, Type::INT8_ARRAY),
            (&users as _, Type::TEXT_ARRAY),
            (&items as _, Type::TEXT_ARRAY),
            (&values as _, Type::FLOAT4_ARRAY),
            (&times as _, Type::INT8_ARRAY),
            (&ids as _, Type::TEXT_ARRAY),
        ];
        let rows = self.transaction.query_typed(sql, &columns).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn erase(&mut self, user: &str) -> Result<(), StoreError> {
        let named = (&user as _, Type::TEXT);
        let sql = "DELETE FROM cofactor_events WHERE user_id = $1";
        let events = self.transaction.execute_typed(sql, std::slice::from_ref(&named)).await? as usize;
        let sql = "INSERT INTO cofactor_erased (user_id, number) VALUES ($1, $2) \
                   ON CONFLICT (user_id) DO UPDATE SET number = EXCLUDED.number";
        self.transaction.execute_typed(sql, &[named, (&self.next, Type::INT8)]).await?;
        self.changes.push(Change::Erased { number: self.next as u64, user: user.into() });
        self.done.push(Done::Erased(Erased { events }));
        // Other services notice by the number that somebody was erased.
        self.next += 1;
        Ok(())
    }

    async fn trained(&mut self, refit: &Refit, until: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO cofactor_refits (model, fingerprint, until) VALUES ($1, $2, $3) \
                   ON CONFLICT (model, fingerprint) DO UPDATE SET until = greatest(cofactor_refits.until, EXCLUDED.until)";
        let values = [
            (&refit.model as _, Type::TEXT),
            (&refit.fingerprint as _, Type::TEXT),
            (&until as _, Type::INT8),
        ];
        self.transaction.execute_typed(sql, &values).await?;
        self.done.push(Done::Noted);
        Ok(())
    }

    /// Gives numbers to rows of other programs, in the order of their keys; returns to how many.
    async fn number(&mut self) -> Result<usize, StoreError> {
        let sql = "UPDATE cofactor_events AS events SET number = $1 + chosen.place FROM ( \
                       SELECT key, row_number() OVER (ORDER BY key) - 1 AS place FROM ( \
                           SELECT key FROM cofactor_events WHERE number IS NULL ORDER BY key LIMIT $2 \
                       ) AS fresh \
                   ) AS chosen WHERE events.key = chosen.key \
                   RETURNING events.number, events.user_id, events.item_id, events.value";
        let values = [(&self.next as _, Type::INT8), (&AT_ONCE as _, Type::INT8)];
        let rows = self.transaction.query_typed(sql, &values).await?;
        for row in &rows {
            self.changes.push(change(row)?);
            self.next = self.next.max(row.try_get::<_, i64>(0)? + 1);
        }
        Ok(rows.len())
    }
}
