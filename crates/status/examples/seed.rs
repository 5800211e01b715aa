//! Fills a status store with made-up jobs, to measure `valet list`: `seed URL [JOBS]`, and the time that some
//! questions take.

use std::time::Instant;

use jiff::Timestamp;
use valet_status::{Filter, Page, State, Store, StoreUrl, Text};

#[path = "../tests/common/seed.rs"]
mod seed;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: seed URL [JOBS]")?;
    let jobs: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let store = Store::open(&StoreUrl::parse(&url, None)?).await?;
    let begun = Instant::now();
    seed::fill(&store, jobs, Timestamp::now()).await?;
    println!("{jobs} jobs in {:.1} s", begun.elapsed().as_secs_f64());
    let any = Filter::default();
    ask(&store, "newest 100", &any, 100).await?;
    ask(&store, "newest 1000", &any, 1_000).await?;
    ask(&store, "failed", &Filter { states: vec![State::Failed], ..any.clone() }, 100).await?;
    ask(&store, "failed or dead", &Filter { states: vec![State::Failed, State::Dead], ..any.clone() }, 100)
        .await?;
    ask(&store, "tag", &Filter { tags: vec![("title".into(), "4711".into())], ..any.clone() }, 100).await?;
    ask(&store, "season", &Filter { tags: vec![("season".into(), "7".into())], ..any.clone() }, 100).await?;
    ask(&store, "lane", &Filter { lane: Some("lane-3".into()), ..any.clone() }, 100).await?;
    ask(&store, "silent", &Filter { silent_at: Some(Timestamp::now()), ..any.clone() }, 100).await?;
    ask(&store, "text, rare", &Filter { text: Some(Text("episode-0000042.".into())), ..any.clone() }, 100)
        .await?;
    let begun = Instant::now();
    let counts = store.count(&any).await?;
    println!("{:>8.1} ms  count by state: {counts:?}", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

async fn ask(
    store: &Store,
    what: &str,
    filter: &Filter,
    limit: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let found = store.list(filter, Page::first(limit), Timestamp::now()).await?.len();
    println!("{:>8.1} ms  {what}: {found}", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
