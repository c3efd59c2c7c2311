//! What a job came to: counts, and what went wrong in one sentence.

use warmfront_semantics::tame::tame;

use super::fetcher::Visit;

/// Bytes of the sentence.
const DETAIL_BYTES_MAX: usize = 1_000;
/// Bytes of a URL or of a reason in it: they are the words of strangers.
const WORDS_BYTES_MAX: usize = 200;
/// Remarks that are told.
const REMARKS_MAX: usize = 5;

/// What was counted until now.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) fetched: u64,
    pub(super) failed: u64,
    /// The first that failed, and why.
    failure: Option<String>,
    not_kept: u64,
    /// The first of them.
    unkept: Option<String>,
    /// URLs of a sitemap that are not of the site.
    foreign: u64,
    remarks: Vec<String>,
}

// === impl Tally ===

impl Tally {
    /// Counts a URL that was asked for.
    pub(super) fn count(&mut self, target: &str, visit: Visit) {
        match visit {
            Visit::Kept => self.fetched += 1,
            Visit::NotKept => {
                self.fetched += 1;
                self.not_kept += 1;
                self.unkept.get_or_insert_with(|| tame(target, WORDS_BYTES_MAX));
            }
            Visit::Failed(why) => self.fail(target, &why),
        }
    }

    /// Counts something that cannot be had. `why` is the end of a sentence.
    pub(super) fn fail(&mut self, target: &str, why: &str) {
        self.failed += 1;
        let (target, why) = (tame(target, WORDS_BYTES_MAX), tame(why, WORDS_BYTES_MAX));
        self.failure.get_or_insert_with(|| format!("{target} {why}"));
    }

    /// Counts a URL that is none of the site's.
    pub(super) fn pass_over(&mut self) {
        self.foreign += 1;
    }

    /// Something that whoever asked should know.
    pub(super) fn remark(&mut self, sentence: String) {
        if self.remarks.len() < REMARKS_MAX {
            self.remarks.push(sentence);
        }
    }

    /// What went wrong; `None` if all is well.
    pub(super) fn detail(&self) -> Option<String> {
        let failure = match (self.failed, &self.failure) {
            (1, Some(first)) => Some(first.clone()),
            (failed, Some(first)) => Some(format!("{failed} failed, the first: {first}")),
            (_, None) => None,
        };
        let unkept = self.unkept.as_ref().map(|first| match self.not_kept {
            1 => format!("{first} is not stored"),
            count => format!("{count} are not stored, the first: {first}"),
        });
        let are = if self.foreign == 1 { "is" } else { "are" };
        let foreign = (self.foreign > 0)
            .then(|| format!("{} of the sitemap's URLs {are} not of this site", self.foreign));
        let told = failure.into_iter().chain(unkept).chain(foreign);
        let told: Vec<String> = told.chain(self.remarks.iter().cloned()).collect();
        (!told.is_empty()).then(|| tame(&told.join("; "), DETAIL_BYTES_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_went_wrong() {
        let mut tally = Tally::default();
        tally.count("/", Visit::Kept);
        assert_eq!(tally.detail(), None);
        tally.count("/me", Visit::NotKept);
        assert_eq!(tally.detail().as_deref(), Some("/me is not stored"));
        tally.count("/you", Visit::NotKept);
        tally.fail("/gone\u{1b}[2J", "was answered with 404");
        let told = "/gone[2J was answered with 404; 2 are not stored, the first: /me";
        assert_eq!(tally.detail().as_deref(), Some(told));
        tally.count("/worse", Visit::Failed("was answered with 500".to_owned()));
        tally.pass_over();
        tally.remark("the rest was left".to_owned());
        let told = "2 failed, the first: /gone[2J was answered with 404; 2 are not stored, the \
                    first: /me; 1 of the sitemap's URLs is not of this site; the rest was left";
        assert_eq!(tally.detail().as_deref(), Some(told));
        assert_eq!((tally.fetched, tally.failed), (3, 2));
    }
}
