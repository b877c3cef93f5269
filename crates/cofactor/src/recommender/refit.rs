//! The same model again, with what has come since.

use super::{HistoryEntry, Recommender};
use crate::data::ids::{IdMap, RawId};
use crate::data::ratings::{Duplicates, Ratings, RatingsBuilder};
use crate::error::{Error, Result};
use crate::fit::algorithm::Task;
use crate::fit::run::Run;
use crate::registry;
use crate::store::ModelFile;

impl Recommender {
    /// Fits the same algorithm with the same parameters and seed on the training ratings and what has come since, in the order of time; users for whom `forgotten` says so are left out.
    ///
    /// The last rating of an item by a user counts; for a model that ranks, repeated events are summed. New users and items join. Memory: 12 bytes a rating beside the two models.
    ///
    /// # Errors
    /// A rating outside the scale; those of the fit, such as a model of time, whose file keeps no times.
    pub fn refit<'e>(
        &self,
        news: impl IntoIterator<Item = (&'e str, &'e HistoryEntry)>,
        forgotten: impl Fn(&str) -> bool,
        run: &mut Run<'_>,
    ) -> Result<ModelFile> {
        let ratings = self.with_news(news, forgotten)?;
        let file = &self.file;
        let algorithm = registry::find(&file.algorithm)?.configure(&file.config)?;
        let model = algorithm.fit(&ratings, run)?;
        Ok(ModelFile::new(&file.algorithm, file.config.clone(), file.seed, ratings, model))
    }

    fn with_news<'e>(
        &self,
        news: impl IntoIterator<Item = (&'e str, &'e HistoryEntry)>,
        forgotten: impl Fn(&str) -> bool,
    ) -> Result<Ratings> {
        let (seen, catalog) = (&self.file.seen, self.catalog());
        let mut builder = RatingsBuilder::new(false);
        let items: Vec<u32> = catalog.items.iter().map(|id| builder.ids().1.number_raw(id)).collect();
        for (user, row) in seen.rows() {
            let id = catalog.user_id(user);
            if row.is_empty() || forgotten(&id.to_string()) {
                continue;
            }
            let user = builder.ids().0.number_raw(id);
            for rated in row.iter() {
                builder.push_numbers(user, items[rated.item.index()], rated.value, None);
            }
        }
        for (user, entry) in news {
            builder.push(user, &entry.item, entry.value, None);
        }
        let (policy, scale) = match self.task {
            Task::Rating => (Duplicates::Last, Some(self.file.data.scale)),
            Task::Ranking => (Duplicates::Sum, None),
        };
        let sources = |new: &IdMap, old: &IdMap| -> Vec<Option<usize>> {
            new.iter().map(|id: RawId<'_>| old.index_of(&id.to_string())).collect()
        };
        let attributes = |users: &IdMap, items: &IdMap| {
            (
                catalog.user_attributes.gather(&sources(users, &catalog.users)),
                catalog.item_attributes.gather(&sources(items, &catalog.items)),
            )
        };
        builder
            .finish(&catalog.name, scale, policy, attributes)
            .map_err(|rejected| Error::unsupported(rejected.to_string(), "leave it out of the events"))
    }
}
