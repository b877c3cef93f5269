//! The tables: made where they are not there, of a version that is known, with the rights that are needed.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};

use crate::events::StoreError;

/// From each version to the next, from none on.
const STEPS: [&str; 1] = [include_str!("schema.sql")];

/// Two services that start at the same time make the tables once: this number, chosen at random, is the lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7241893350164273)";

/// What a service does with each table.
const NEEDED: &str = "\
    SELECT string_agg(needed.right_to || ' on ' || needed.relation, ', ') FROM (VALUES \
        ('cofactor_store', 'SELECT'), ('cofactor_store', 'UPDATE'), \
        ('cofactor_events', 'SELECT'), ('cofactor_events', 'INSERT'), \
        ('cofactor_events', 'UPDATE'), ('cofactor_events', 'DELETE'), \
        ('cofactor_erased', 'SELECT'), ('cofactor_erased', 'INSERT'), ('cofactor_erased', 'UPDATE'), \
        ('cofactor_refits', 'SELECT'), ('cofactor_refits', 'INSERT'), ('cofactor_refits', 'UPDATE') \
    ) AS needed (relation, right_to) WHERE NOT has_table_privilege(needed.relation, needed.right_to)";

/// Makes the tables ready, or says why they are not.
pub(super) async fn prepare(client: &mut Client) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    suits(&transaction).await?;
    transaction.batch_execute(LOCK).await?;
    let version = version(&transaction).await?;
    let Some(steps) = STEPS.get(version..) else {
        return Err(StoreError::lasting(format!(
            "its tables are of version {version}, and this program knows version {}",
            STEPS.len()
        ))
        .hint("use a newer version of Cofactor"));
    };
    for step in steps {
        transaction.batch_execute(step).await.map_err(not_made)?;
    }
    let missing: Option<String> = transaction.query_typed_one(NEEDED, &[]).await?.try_get(0)?;
    if let Some(missing) = missing {
        return Err(StoreError::lasting(format!("the user lacks rights: {missing}"))
            .hint("let the tables' owner GRANT them"));
    }
    Ok(transaction.commit().await?)
}

async fn suits(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let sql = "SELECT current_setting('server_encoding'), current_setting('transaction_read_only') = 'on'";
    let row = transaction.query_typed_one(sql, &[]).await?;
    let encoding: String = row.try_get(0)?;
    if encoding != "UTF8" {
        return Err(StoreError::lasting(format!("its encoding is {encoding}, which cannot hold every id"))
            .hint("make one with createdb --encoding=UTF8 --template=template0"));
    }
    if row.try_get(1)? {
        return Err(StoreError::lasting("it can only be read").hint("name the primary server, not a copy"));
    }
    Ok(())
}

/// The version of the tables; 0 where there are none.
async fn version(transaction: &Transaction<'_>) -> Result<usize, StoreError> {
    let sql = "SELECT to_regclass('cofactor_store') IS NOT NULL";
    if !transaction.query_typed_one(sql, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let row = transaction.query_typed_one("SELECT version FROM cofactor_store", &[]).await;
    let version: i32 = row.map_err(not_read)?.try_get(0)?;
    Ok(version as usize)
}

fn not_made(error: tokio_postgres::Error) -> StoreError {
    let denied = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
    let told = StoreError::from(error);
    let hint = if denied {
        "let its owner GRANT CREATE ON SCHEMA public, or name a schema of your own by options=-csearch_path=NAME"
    } else {
        ""
    };
    StoreError { problem: format!("the tables cannot be made: {}", told.problem), ..told }.hint(hint)
}

fn not_read(error: tokio_postgres::Error) -> StoreError {
    let told = StoreError::from(error);
    StoreError { problem: format!("the tables cannot be read: {}", told.problem), ..told }
        .hint("let the tables' owner GRANT the rights")
}
