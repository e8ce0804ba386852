//! Starts private servers and says how long each took:
//! `cargo run --release -p stopover-scratch --example start -- [COUNT] [CACHE]`.

use std::path::PathBuf;
use std::time::Instant;

use stopover_scratch::binaries::Search;
use stopover_scratch::server::{PrivateServer, ServerOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u32 = arguments.next().unwrap_or("1".to_owned()).parse()?;
    let cache = arguments.next().map(PathBuf::from);
    for _ in 0..count {
        let start = Instant::now();
        let choice = Search::from_environment(None).choose(None, &[])?;
        let found = start.elapsed();
        let options = ServerOptions { template_cache: cache.clone(), ..ServerOptions::default() };
        let server = PrivateServer::start(&choice.binaries, options).await?;
        let (client, connection) = server.config().connect(tokio_postgres::NoTls).await?;
        let driver = tokio::spawn(connection);
        client.simple_query("SELECT 1").await?;
        let ready = start.elapsed();
        drop(client);
        driver.await??;
        let start = Instant::now();
        let version = server.version().clone();
        for note in server.notes() {
            println!("{note}");
        }
        server.stop().await?;
        println!(
            "PostgreSQL {version}: binaries found in {found:.0?}, first answer after {ready:.0?}, \
             stopped and removed in {:.0?}",
            start.elapsed()
        );
    }
    Ok(())
}
