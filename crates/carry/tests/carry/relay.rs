//! A relay before a server that holds back what follows an error: the time that a busy server
//! takes from telling it to being ready for the next statement.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use stopover_postgres::Target;
use stopover_testkit::Access;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_postgres::config::Host;

const PAUSE: Duration = Duration::from_millis(40);

/// The way through such a relay to what `access` leads to.
pub(crate) async fn slow_after_errors(access: &Access) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = access.config();
    let Some(Host::Unix(folder)) = config.get_hosts().first() else { panic!("no socket") };
    let server = folder.join(format!(".s.PGSQL.{}", config.get_ports()[0]));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, server.clone()));
        }
    });
    let password = String::from_utf8(config.get_password().unwrap_or_default().to_vec()).unwrap();
    Target::parse(&format!(
        "host=127.0.0.1 port={port} user={} password='{password}' dbname={} sslmode=disable",
        config.get_user().unwrap(),
        access.database(),
    ))
    .unwrap()
}

async fn serve(client: TcpStream, server: PathBuf) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut asked, mut answers) = client.into_split();
    let (mut said, mut asking) = UnixStream::connect(server).await?.into_split();
    tokio::spawn(async move { copy(&mut asked, &mut asking).await });
    loop {
        let tag = said.read_u8().await?;
        let length = said.read_u32().await?;
        let mut message = vec![tag];
        message.extend(length.to_be_bytes());
        message.resize(length as usize + 1, 0);
        said.read_exact(&mut message[5..]).await?;
        answers.write_all(&message).await?;
        if tag == b'E' {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
