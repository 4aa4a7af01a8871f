//! PostgreSQL's stricter levels of isolation, at which a snapshot is older than the winner's record.

use futures_util::future::join_all;
use saas_idempotency::Backend;

use super::{App, in_both_modes};
use crate::support::{Answer, post};

in_both_modes!(repeatable_read_has_one_effect, serializable_has_one_effect);

async fn repeatable_read_has_one_effect<DB: Backend>(app: App<DB>) {
    one_effect(app, "begin isolation level repeatable read").await;
}

async fn serializable_has_one_effect<DB: Backend>(app: App<DB>) {
    one_effect(app, "begin isolation level serializable").await;
}

async fn one_effect<DB: Backend>(app: App<DB>, begin: &'static str) {
    if DB::DIALECT == saas_core::schema::Dialect::Sqlite {
        return; // All of its transactions are serializable.
    }
    let app = App { begin, ..app };
    for _ in 0..10 {
        let call = post("/work", "race");
        let answers = join_all((0..12).map(|_| async {
            // A client that repeats what it is told to repeat.
            let mut answers: Vec<Answer> = Vec::new();
            while answers.last().is_none_or(|answer| answer.status != 201) {
                assert!(answers.len() < 50, "{answers:?}");
                answers.push(app.call(&call).await);
            }
            answers
        }))
        .await
        .concat();
        let told = |status| answers.iter().filter(|answer| answer.status == status).count();
        // Nobody is told anything but to come again: 409 in progress, 503 the level's own failure.
        assert_eq!(told(201) + told(409) + told(503), answers.len(), "{answers:?}");
        let fresh = answers.iter().filter(|answer| answer.status == 201 && !answer.is_replayed());
        assert_eq!((fresh.count(), app.effects(&call).await), (1, 1));
    }
}
