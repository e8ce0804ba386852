//! Who we are on the scratch server, and what of a dump that leaves possible. Pure.

use super::policy::{Disposition, Judgement, Note, Tolerance};

/// Who we are on the scratch server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Footing {
    /// The superuser of a private server: roles are ours to make.
    Private,
    /// A superuser of a given server. Its roles are not ours to make, and none of its own may get
    /// a dump's objects; everything belongs to the restoring role.
    GivenSuperuser,
    /// An ordinary role of a given server, which restores by itself.
    GivenOrdinary,
}

impl Footing {
    pub(super) fn is_superuser(self) -> bool {
        self != Self::GivenOrdinary
    }

    /// What becomes of a decision here.
    pub(super) fn adapt(self, judgement: Judgement) -> Judgement {
        let Judgement { mut disposition, roles, mut tolerance, phase } = judgement;
        if self == Self::Private {
            return Judgement { disposition, roles, tolerance, phase };
        }
        let elevated = matches!(
            disposition,
            Disposition::Elevated
                | Disposition::PlainElseElevated
                | Disposition::OperatorClass(_)
                | Disposition::EventTrigger(_)
                | Disposition::Wrapper { .. }
        );
        if matches!(disposition, Disposition::ActAs(_)) {
            disposition = Disposition::Skip(Note::Authorization);
        } else if !roles.is_empty() {
            // Owners and rights: whoever restores may set them for roles that are there, or not.
            disposition = if elevated { Disposition::Plain } else { disposition };
            tolerance = Tolerance::AbsentRole;
        } else if elevated && self == Self::GivenOrdinary {
            disposition = Disposition::Plain;
            tolerance = Tolerance::NeedsSuperuser;
        }
        Judgement { disposition, roles: Vec::new(), tolerance, phase }
    }
}

#[cfg(test)]
mod tests {
    use stopover_sql::Strings;

    use super::*;
    use crate::restore::policy::{Phase, judge};

    fn adapted(footing: Footing, text: &str) -> (Disposition, Tolerance) {
        let judgement = footing.adapt(judge(text, Strings::Standard, Phase::Prologue));
        assert!(footing == Footing::Private || judgement.roles.is_empty(), "{text}");
        (judgement.disposition, judgement.tolerance)
    }

    #[test]
    fn owners_on_a_given_server_are_never_set_by_its_superuser() {
        let text = "ALTER FUNCTION public.f() OWNER TO postgres";
        for footing in [Footing::GivenSuperuser, Footing::GivenOrdinary] {
            assert_eq!(adapted(footing, text), (Disposition::Plain, Tolerance::AbsentRole));
        }
        assert_eq!(adapted(Footing::Private, text).0, Disposition::Elevated);
    }

    #[test]
    fn an_ordinary_role_tries_by_itself_and_is_forgiven_what_needs_a_superuser() {
        let comment = "COMMENT ON EXTENSION plpgsql IS 'x'";
        let tried = (Disposition::Plain, Tolerance::NeedsSuperuser);
        assert_eq!(adapted(Footing::GivenOrdinary, comment), tried);
        assert_eq!(adapted(Footing::GivenSuperuser, comment).0, Disposition::Elevated);
    }

    #[test]
    fn a_change_of_authorization_is_left_out_on_a_given_server() {
        let left_out = Disposition::Skip(Note::Authorization);
        let text = "SET SESSION AUTHORIZATION 'app'";
        assert_eq!(adapted(Footing::GivenSuperuser, text).0, left_out);
    }

    #[test]
    fn an_unknown_error_stays_unknown() {
        let text = "CREATE TABLE public.t (x int)";
        assert_eq!(adapted(Footing::GivenOrdinary, text).1, Tolerance::Nothing);
    }
}
