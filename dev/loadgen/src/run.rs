//! A run from an empty database to its report.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Result;
use crate::arguments::Arguments;
use crate::client::Client;
use crate::database::{Database, Kind, address, exported};
use crate::queries::Queries;
use crate::report::{Report, Rung, details, lines, plot, summary};
use crate::service::{Site, folder};
use crate::step::Load;
use crate::usage::Watch;
use crate::wire::Wire;
use crate::{capacity, prepare, queries, seed};

const LOADS: [f64; 6] = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];

/// Jobs that are left after a step have so long to be done before the next one.
const DRAIN: Duration = Duration::from_secs(60);

pub(crate) async fn run(arguments: &Arguments, binaries: &Path) -> Result<()> {
    let begun = Instant::now();
    let say = |what: &str| eprintln!("dev/load: {:>4.0} s  {what}", begun.elapsed().as_secs_f64());
    let output = binaries.parent().unwrap_or(binaries).join("load");
    let folder = folder(&output)?;
    let site = site(arguments, binaries, folder.path())?;
    site.migrate().await?;
    let database = match arguments.kind {
        Kind::Postgres => Database::postgres().await?,
        Kind::Sqlite => Database::sqlite(&folder.path().join("invoicing.db")).await?,
    };

    let size = arguments.size();
    say(&format!("seeding {} tenants, {} invoices", size.tenants, size.invoices));
    let targets = seed::seed(&database, size, arguments.seed).await?;

    say("finding deep pages, keeping keys");
    let service = site.start("api", &site.database).await?;
    let mut load = Load { client: Client::new(service.port), targets };
    prepare::prepare(&mut load, size.tenants).await?;
    service.stop().await?;

    let mut per_request = None;
    if arguments.kind == Kind::Postgres {
        say("counting queries");
        per_request = Some(count(&site, &mut load).await?);
    }

    let service = site.start("serve", &site.database).await?;
    load.client = Client::new(service.port);
    let (load, window) = (Arc::new(load), arguments.window());
    let client = Client::new(service.port);
    let watch = Watch { service: service.process, client, database: &database };
    watch.drained(DRAIN).await?;
    if arguments.rate.is_none() {
        say("finding the capacity");
    }
    let (base, origin) = base(arguments, &load).await?;
    watch.drained(DRAIN).await?;
    let mut rungs = Vec::new();
    for (factor, number) in LOADS.into_iter().zip(1..) {
        say(&format!("{factor}x: {} requests a second", base * factor));
        let step = load.step(base * factor, window, arguments.seed + 1000 * number);
        let (step, mut usage) = tokio::try_join!(step, watch.during(window))?;
        usage.drained = watch.drained(DRAIN).await?;
        rungs.push(Rung { load: factor, step, usage });
    }
    service.stop().await?;

    let about = format!(
        "invoicing-{} on {}, {} tenants, {} invoices, all on the same {} processors",
        arguments.framework,
        database.version().await?,
        size.tenants,
        size.invoices,
        std::thread::available_parallelism()?,
    );
    let seconds = window.seconds();
    let report = Report { about, base, origin, queries: per_request, rungs, seconds };
    publish(arguments, &report, &output)?;
    say("done");
    Ok(())
}

fn site(arguments: &Arguments, binaries: &Path, folder: &Path) -> Result<Site> {
    let (database, admin) = match arguments.kind {
        Kind::Postgres => {
            (exported("TEST_POSTGRES_URL")?, Some(exported("TEST_POSTGRES_OWNER_URL")?))
        }
        Kind::Sqlite => ("sqlite://invoicing.db".to_owned(), None),
    };
    let binary = binaries.join(format!("invoicing-{}", arguments.framework)).canonicalize()?;
    Ok(Site { binary, folder: folder.to_owned(), database, admin })
}

/// Requests a second at 1x, and where that comes from.
async fn base(arguments: &Arguments, load: &Arc<Load>) -> Result<(f64, String)> {
    if let Some(rate) = arguments.rate {
        return Ok((rate, "as asked for".to_owned()));
    }
    let capacity = capacity::measure(load, arguments.window(), arguments.seed).await?;
    let origin = format!(
        "a ninth of the {capacity:.0} that {} clients got, each with one request at a time",
        capacity::CLIENTS
    );
    Ok((capacity::base(capacity), origin))
}

/// With a service whose way to the database is counted, and which runs no jobs.
async fn count(site: &Site, load: &mut Load) -> Result<Vec<Queries>> {
    let server = address(&site.database)?;
    let wire = Wire::to(server).await?;
    let counted = site.database.replace(&server.to_string(), &format!("127.0.0.1:{}", wire.port));
    let service = site.start("api", &format!("{counted}?sslmode=disable")).await?;
    load.client = Client::new(service.port);
    let queries = queries::measure(load, &wire).await?;
    service.stop().await?;
    Ok(queries)
}

fn publish(arguments: &Arguments, report: &Report, output: &Path) -> Result<()> {
    let name = format!("{}-{}", arguments.framework, arguments.database());
    let tables = format!("{}\n{}", summary(report), details(report));
    std::fs::write(output.join(format!("{name}.md")), &tables)?;
    std::fs::write(output.join(format!("{name}.jsonl")), lines(report)?)?;
    let file = match arguments.publish {
        true => Path::new("examples").join(arguments.framework).join("load.svg"),
        false => output.join(format!("{name}.svg")),
    };
    plot(report, &file)?;
    Ok(std::io::stdout().write_all(tables.as_bytes())?)
}
