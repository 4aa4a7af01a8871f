//! Whether a server keeps what it is given.

use redis::Value;
use redis::aio::ConnectionLike;

use crate::Error;

/// By `INFO`, since where Redis is rented `CONFIG` is mostly forbidden.
pub(super) async fn keeps_records(connection: &mut impl ConnectionLike) -> Result<(), Error> {
    let answer = redis::cmd("INFO").arg("memory").query_async::<Value>(connection).await;
    let answer = answer.map_err(|error| Error::Store(Box::new(error)))?;
    let mut policies = Vec::new();
    find_policies(&answer, &mut policies);
    match policies.as_slice() {
        [] => Err(Error::Misuse("redis does not tell its maxmemory-policy")),
        policies if policies.iter().all(|policy| *policy == "noeviction") => Ok(()),
        _ => Err(Error::Misuse(
            "redis drops records when memory is short: set maxmemory-policy to noeviction",
        )),
    }
}

/// A cluster answers with a map of what its nodes say.
fn find_policies<'a>(answer: &'a Value, found: &mut Vec<&'a str>) {
    let text = match answer {
        Value::BulkString(text) => std::str::from_utf8(text).unwrap_or_default(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text,
        Value::Array(nodes) => {
            return nodes.iter().for_each(|node| find_policies(node, found));
        }
        Value::Map(nodes) => {
            return nodes.iter().for_each(|(_, node)| find_policies(node, found));
        }
        _ => return,
    };
    found.extend(text.lines().filter_map(|line| line.strip_prefix("maxmemory_policy:")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_of_every_node_is_found() {
        let node = |policy: &str| {
            Value::BulkString(format!("# Memory\r\nmaxmemory_policy:{policy}\r\n").into())
        };
        let cluster = Value::Map(vec![
            (Value::SimpleString("a:6379".into()), node("noeviction")),
            (Value::SimpleString("b:6379".into()), node("allkeys-lru")),
        ]);
        let mut found = Vec::new();
        find_policies(&cluster, &mut found);
        assert_eq!(found, ["noeviction", "allkeys-lru"]);
    }
}
