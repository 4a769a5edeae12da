//! The writer lease: a session has at most one writing link.
//!
//! A new attach by the same principal fences the old link (it is most likely the same program, back
//! after a crash); another principal is refused while the lease is held. Giving the lease back names
//! the *link*, so that a late goodbye cannot evict a successor.

use crate::{LinkId, PrincipalId};

/// Who holds a session's writer lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// Grows by one with every writer; receipts of an older epoch are refused.
    pub epoch: u64,
    /// The holder, if any.
    pub holder: Option<Holder>,
}

/// The holder of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The credential.
    pub principal: PrincipalId,
    /// The link, or `None` for a holder that polls over HTTP or MCP.
    pub link: Option<LinkId>,
}

/// The lease is someone else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// By whom.
    pub by: PrincipalId,
}

/// What an attach changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// The lease after it.
    pub lease: Lease,
    /// The holder that lost it.
    pub fenced: Option<Holder>,
}

/// Decides an attach as writer.
pub fn attach(lease: Lease, by: Holder) -> Result<Attached, Held> {
    match lease.holder {
        Some(holder) if holder.principal != by.principal => Err(Held { by: holder.principal }),
        holder => Ok(Attached { lease: Lease { epoch: lease.epoch + 1, holder: Some(by) }, fenced: holder }),
    }
}

/// Decides a goodbye: `None` when `by` does not hold the lease any more.
pub fn detach(lease: Lease, by: Holder) -> Option<Lease> {
    (lease.holder == Some(by)).then_some(Lease { epoch: lease.epoch, holder: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holder(principal: u128, link: u64) -> Holder {
        Holder { principal: PrincipalId::from_uuid(uuid::Uuid::from_u128(principal)), link: Some(LinkId(link)) }
    }

    proptest! {
        #[test]
        fn epochs_only_grow_and_a_goodbye_frees_only_its_own_link(steps in prop::collection::vec((any::<bool>(), 1..4u128, 0..4u64), 0..60)) {
            let mut lease = Lease::default();
            for (is_attach, principal, link) in steps {
                let by = holder(principal, link);
                let before = lease;
                if is_attach {
                    match attach(lease, by) {
                        Ok(attached) => {
                            prop_assert_eq!(attached.lease.epoch, before.epoch + 1);
                            prop_assert_eq!(attached.lease.holder, Some(by));
                            prop_assert_eq!(attached.fenced, before.holder);
                            lease = attached.lease;
                        }
                        Err(held) => prop_assert!(before.holder.is_some_and(|h| h.principal == held.by && h.principal != by.principal)),
                    }
                } else {
                    match detach(lease, by) {
                        Some(freed) => { prop_assert_eq!(before.holder, Some(by)); lease = freed; }
                        None => prop_assert_ne!(before.holder, Some(by)),
                    }
                    prop_assert_eq!(lease.epoch, before.epoch);
                }
            }
        }
    }

    #[test]
    fn a_late_goodbye_does_not_evict_the_reconnect() {
        let first = attach(Lease::default(), holder(1, 1)).unwrap().lease;
        let second = attach(first, holder(1, 2)).unwrap();
        assert_eq!(second.fenced, Some(holder(1, 1)));
        assert_eq!(detach(second.lease, holder(1, 1)), None);
    }
}
