//! Scripts by their digest, in one round trip.

use std::sync::LazyLock;

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};

use super::form::VERSION;

pub(super) static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("put.lua")));
pub(super) static COMPLETE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("complete.lua")));
pub(super) static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("release.lua")));
pub(super) static RENEW: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("renew.lua")));

pub(super) struct Script {
    text: &'static str,
    digest: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, digest: redis::Script::new(text).get_hash().to_owned() }
    }

    /// A server that does not know the script (the first time, after a restart, another node of a
    /// cluster) is sent its text, which it then knows. Not by the `redis` crate's own invocation:
    /// that loads first and asks once more, and a flush in between is an error.
    pub(super) async fn run(
        &self,
        connection: &mut impl ConnectionLike,
        key: &str,
        arguments: &[&[u8]],
    ) -> RedisResult<Value> {
        let by_digest = command("EVALSHA", &self.digest, key, arguments);
        match by_digest.query_async(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", self.text, key, arguments).query_async(connection).await
            }
            answer => answer,
        }
    }
}

fn command(verb: &str, script: &str, key: &str, arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(script).arg(1).arg(key).arg(VERSION);
    for argument in arguments {
        command.arg(argument);
    }
    command
}
