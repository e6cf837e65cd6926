//! The demo server on rustls 0.20 (TLS 1.2 and 1.3): options and output are those of its siblings in
//! C++. What a server author has to write is `stek.rs`, and here in `open_tickets` and `serve_one`.

#[allow(dead_code)]
mod stek;

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::exit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::server::{AllowAnyAuthenticatedClient, NoClientAuth};
use rustls::{Certificate, PrivateKey, RootCertStore, ServerConfig, ServerConnection, SupportedCipherSuite};

const USAGE: &str = "a TLS server with tickets by stek
Usage: demo-server-rustls --cert FILE --key FILE [OPTIONS]

  --ring TEXT             ring of keys [keys/ring.json]
  --port UINT             port on 127.0.0.1; 0 chooses one [0]
  --domain TEXT           trust domain of the tickets [demo]
  --context TEXT          what configuration a session was authenticated under, up to 16 bytes
  --cert FILE             certificate chain (PEM)
  --key FILE              private key of the certificate (PEM)
  --cipher-suite NAMES    enable these suites only, by IANA's names with commas between, best first
  --client-ca FILE        demand a client certificate, issued by this one (PEM)
  --encrypt-then-mac on|off  for its siblings' sake: rustls has no CBC suites
  --legacy-ems            tickets even where the client has no extended master secret (RFC 7627)";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Default)]
struct Options {
    ring: String,
    port: u16,
    domain: String,
    context: String,
    certificate: String,
    key: String,
    cipher_suites: String,
    client_ca: String,
    legacy_ems: bool,
}

fn main() {
    let options = options_from(std::env::args().skip(1)).unwrap_or_else(|message| {
        eprintln!("{message}\n{USAGE}");
        exit(2);
    });
    if let Err(error) = run(&options) {
        eprintln!("demo-server: {error}");
        exit(1);
    }
}

fn run(options: &Options) -> Result<()> {
    let tickets = open_tickets(options).map_err(|failure| format!("{}\nhint: {}", failure.message, failure.hint))?;
    let config = configured(options)?;
    let listener = TcpListener::bind(("127.0.0.1", options.port))?;
    println!("listening on {}", listener.local_addr()?);
    for socket in listener.incoming() {
        // Takes over a rotated ring. On failure the keys already held go on working.
        if let Err(failure) = tickets.refresh() {
            eprintln!("demo-server: {}", failure.message);
        }
        serve_one(&tickets, &config, socket?)?;
    }
    Ok(())
}

fn open_tickets(options: &Options) -> std::result::Result<Arc<stek::Tickets>, stek::Failure> {
    // A real server would hash what authenticated the client: the virtual host, the trust anchors.
    let mut context = [0; 16];
    context[..options.context.len()].copy_from_slice(options.context.as_bytes());
    stek::Tickets::open(&stek::Options {
        ring: options.ring.strip_prefix("file:").unwrap_or(&options.ring),
        domain: &options.domain,
        context,
        clients: if options.client_ca.is_empty() { stek::Clients::Anonymous } else { stek::Clients::MustAuthenticate },
        legacy_ems: options.legacy_ems,
    })
}

fn serve_one(tickets: &Arc<stek::Tickets>, config: &ServerConfig, socket: TcpStream) -> Result<()> {
    let seat = stek::Connection::new(tickets);
    let mut tls = ServerConnection::new(seat.config(config))?;
    let mut socket = Patient { socket, deadline: Instant::now() + Duration::from_secs(5) };
    while tls.is_handshaking() {
        if let Err(error) = tls.complete_io(&mut socket) {
            println!("handshake=failed error=\"{error}\"");
            return Ok(());
        }
    }
    let resumed = seat.resumed_in_tls12() || tls.received_resumption_data().is_some();
    report(&tls, &seat, resumed);
    // The client may be gone by now, which is its own affair.
    let _ = answer(&mut tls, &mut socket, resumed);
    Ok(())
}

fn report(tls: &ServerConnection, seat: &stek::Connection, resumed: bool) {
    let yes_or_no = |yes| if yes { "yes" } else { "no" };
    println!(
        "handshake={} reason={} renewed={} issued={} version={} suite={}",
        if resumed { "resumed" } else { "full" },
        seat.reason(),
        yes_or_no(resumed && seat.issued()),
        yes_or_no(seat.issued()),
        tls.protocol_version().map(version_name).unwrap_or_default(),
        tls.negotiated_cipher_suite().map(suite_name).unwrap_or_default(),
    );
}

fn answer(tls: &mut ServerConnection, socket: &mut Patient, resumed: bool) -> std::io::Result<()> {
    const LONGEST_LINE: u64 = 1024;
    let mut stream = rustls::Stream::new(tls, socket);
    let mut line = String::new();
    BufReader::new(Read::take(&mut stream, LONGEST_LINE)).read_line(&mut line)?;
    let welcome = if resumed { "welcome back" } else { "welcome" };
    writeln!(stream, "{welcome}, you said: {}", line.trim_end_matches('\n'))?;
    tls.send_close_notify();
    tls.write_tls(socket).map(|_| ())
}

/// A client's socket, with an end to our patience.
struct Patient {
    socket: TcpStream,
    deadline: Instant,
}

impl Patient {
    fn time_left(&self) -> std::io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Patient {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        self.socket.set_read_timeout(self.time_left()?)?;
        self.socket.read(room)
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.socket.set_write_timeout(self.time_left()?)?;
        self.socket.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.socket.flush()
    }
}

fn configured(options: &Options) -> Result<ServerConfig> {
    let suites = chosen_suites(&options.cipher_suites)?;
    let verifier = match options.client_ca.as_str() {
        "" => NoClientAuth::new(),
        authority => AllowAnyAuthenticatedClient::new(roots_in(authority)?),
    };
    let mut config = ServerConfig::builder()
        .with_cipher_suites(&suites)
        .with_safe_default_kx_groups()
        .with_protocol_versions(rustls::ALL_VERSIONS)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates_in(&options.certificate)?, key_in(&options.key)?)?;
    config.ignore_client_order = !options.cipher_suites.is_empty();
    Ok(config)
}

fn chosen_suites(names: &str) -> Result<Vec<SupportedCipherSuite>> {
    if names.is_empty() {
        return Ok(rustls::DEFAULT_CIPHER_SUITES.to_vec());
    }
    let named = |name| rustls::ALL_CIPHER_SUITES.iter().find(|suite| suite_name(**suite) == name).copied();
    names.split(',').map(|name| named(name).ok_or_else(|| format!("rustls knows no suite {name}").into())).collect()
}

fn roots_in(file: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(file)? {
        roots.add(&certificate)?;
    }
    Ok(roots)
}

fn certificates_in(file: &str) -> Result<Vec<Certificate>> {
    let certificates = rustls_pemfile::certs(&mut opened(file)?)?;
    Ok(certificates.into_iter().map(Certificate).collect())
}

fn key_in(file: &str) -> Result<PrivateKey> {
    use rustls_pemfile::Item::{ECKey, PKCS8Key, RSAKey};
    match rustls_pemfile::read_one(&mut opened(file)?)? {
        Some(PKCS8Key(key) | RSAKey(key) | ECKey(key)) => Ok(PrivateKey(key)),
        _ => Err(format!("{file} does not begin with a private key").into()),
    }
}

fn opened(file: &str) -> Result<BufReader<File>> {
    Ok(BufReader::new(File::open(file).map_err(|error| format!("{file}: {error}"))?))
}

/// As others spell it: rustls writes TLSv1_2.
fn version_name(version: rustls::ProtocolVersion) -> String {
    format!("{version:?}").replace('_', ".")
}

/// As IANA does: rustls writes TLS13_AES_128_GCM_SHA256.
fn suite_name(suite: SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn options_from(mut arguments: impl Iterator<Item = String>) -> std::result::Result<Options, String> {
    let mut options = Options { ring: "keys/ring.json".into(), domain: "demo".into(), ..Options::default() };
    while let Some(name) = arguments.next() {
        if name == "--legacy-ems" {
            options.legacy_ems = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name}: no such option, or no value for it"))?;
        match name.as_str() {
            "--ring" => options.ring = value,
            "--port" => options.port = value.parse().map_err(|_| "--port: not a port")?,
            "--domain" => options.domain = value,
            "--context" if value.len() > 16 => return Err("--context: longer than 16 bytes".into()),
            "--context" => options.context = value,
            "--cert" => options.certificate = value,
            "--key" => options.key = value,
            "--cipher-suite" => options.cipher_suites = value,
            "--client-ca" => options.client_ca = value,
            "--encrypt-then-mac" => {}
            _ => return Err(format!("{name}: no such option")),
        }
    }
    if options.certificate.is_empty() || options.key.is_empty() {
        return Err("--cert and --key: rustls makes no certificates".into());
    }
    Ok(options)
}
