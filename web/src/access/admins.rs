//! Nobody locks everybody out: where there are users, one of them is an admin.

use axum::http::StatusCode;
use nightrun_core::decide::{AccessChange, Role};
use nightrun_engine::store::UserItem;

use crate::problem::Problem;

/// True where without this user no admin is left.
pub(crate) fn is_last_admin(users: &[UserItem], user: &str) -> bool {
    let mut admins = users.iter().filter(|it| it.grant.role == Role::Admin);
    admins.next().is_some_and(|it| it.user == user) && admins.next().is_none()
}

/// Refuses what would leave users without an admin among them.
pub(crate) fn keep_an_admin(users: &[UserItem], change: &AccessChange) -> Result<(), Problem> {
    let why = match change {
        AccessChange::UserAdded { grant, .. } if users.is_empty() && grant.role != Role::Admin => {
            "the first user must be an admin: from then on everybody has to log in, and only an admin can add others"
        }
        AccessChange::UserGranted { user, grant }
            if grant.role != Role::Admin && is_last_admin(users, user) =>
        {
            LAST
        }
        AccessChange::UserRemoved { user } if is_last_admin(users, user) => LAST,
        _ => return Ok(()),
    };
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_admin", "There must be an admin", why))
}

const LAST: &str = "this is the last admin: make somebody else an admin first; `nightrun user` on the machine of the \
                    server does it all the same";

#[cfg(test)]
mod tests {
    use nightrun_core::decide::{Grant, Sealed};
    use nightrun_core::time::Timestamp;

    use super::*;

    #[test]
    fn where_there_are_users_one_is_an_admin() {
        let grant = |role| Grant { role, dags: None };
        let (admin, viewer) = (grant(Role::Admin), grant(Role::Viewer));
        let began = Timestamp::from_seconds(0).unwrap();
        let is = |name: &str, grant: &Grant| UserItem {
            user: name.into(),
            grant: grant.clone(),
            added_at: began,
            added_by: "test".into(),
            password_at: began,
            login_at: None,
        };
        let add = |grant: &Grant| AccessChange::UserAdded {
            user: "cy".into(),
            grant: grant.clone(),
            password: Sealed::new("x"),
        };
        let regrant =
            |user: &str, grant: &Grant| AccessChange::UserGranted { user: user.into(), grant: grant.clone() };
        let remove = |user: &str| AccessChange::UserRemoved { user: user.into() };
        let (none, one) = (vec![], vec![is("ana", &admin), is("bo", &viewer)]);
        let two = vec![is("ana", &admin), is("bo", &admin)];
        for (users, change, allowed) in [
            (&none, add(&viewer), false),
            (&none, add(&admin), true),
            (&one, add(&viewer), true),
            (&one, regrant("ana", &viewer), false),
            (&one, regrant("ana", &admin), true),
            (&one, regrant("bo", &viewer), true),
            (&one, remove("ana"), false),
            (&one, remove("bo"), true),
            (&two, remove("ana"), true),
            (&two, regrant("bo", &viewer), true),
        ] {
            assert_eq!(keep_an_admin(users, &change).is_ok(), allowed, "{change:?}");
        }
    }
}
