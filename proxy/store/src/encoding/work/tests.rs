use super::*;

impl Workshop {
    /// Is at work on as many bodies of this size as may be, until what is returned is dropped.
    pub(crate) fn occupy(&self, bytes: u64) -> Vec<OwnedSemaphorePermit> {
        let Lane { places, permits } = self.lane(bytes);
        let most = u32::try_from(permits.available_permits()).unwrap();
        let take = |of: &Arc<Semaphore>| of.clone().try_acquire_many_owned(most).unwrap();
        vec![take(places), take(permits)]
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running.lock().is_empty()
    }
}
