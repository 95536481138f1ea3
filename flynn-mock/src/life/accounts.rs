//! The suspension of accounts.

use crate::life::{Engine, formation_request};
use crate::store::Formation;

impl Engine {
    /// Suspends an account and scales its apps to zero, or lifts the suspension.
    pub(crate) fn set_suspended(&mut self, account: &str, suspended: bool) {
        if !suspended {
            self.tables.suspended.remove(account);
            return;
        }
        self.tables.suspended.insert(account.to_owned());
        let owned = |app: &str| {
            let row = self.tables.app(app);
            row.is_ok_and(|row| row.owner_account == account && !row.is_system())
        };
        let formations = self.tables.formations.iter();
        let running: Vec<Formation> =
            formations.filter(|f| !f.deleted && owned(&f.app)).cloned().collect();
        for formation in running {
            if let Ok(release) = self.tables.release(&formation.release).cloned() {
                let request = formation_request(&formation.app, &release, None, None);
                // If an app cannot be scaled, the server continues with the next one.
                let _ = self.add_scale_request(request, false);
            }
        }
    }
}
