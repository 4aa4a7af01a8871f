//! What a process says when it is ready.

use std::net::SocketAddr;

use uuid::Uuid;

/// Three lines to try, which work as they are printed.
pub fn greet(address: SocketAddr, token: Option<&str>) {
    let base = format!("http://{address}");
    println!("listening on {base}");
    let Some(token) = token else {
        println!("operator token: shown at the first start; OPERATOR_TOKEN sets another");
        return;
    };
    let slug = format!("acme-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let json = "-H 'content-type: application/json'";
    let key = r#"-H "authorization: Bearer $(sed 's/.*"api_key":"\([^"]*\)".*/\1/' tenant.json)""#;
    println!("operator token: {token}\ntry:");
    println!(
        "curl -sS {base}/api/v1/tenants -H 'authorization: Bearer {token}' {json} -d '{{\"slug\":\"{slug}\",\"name\":\"Acme\"}}' | tee tenant.json"
    );
    println!(
        "curl -sS {base}/api/v1/customers {key} -H 'idempotency-key: first-customer' {json} -d '{{\"name\":\"Jane\",\"email\":\"jane@example.com\"}}'"
    );
    println!("curl -sS {base}/api/v1/customers {key}");
}
