//! rustls 0.20 with stek's tickets, client and server in memory.

#[allow(dead_code)]
#[path = "../src/stek.rs"]
mod stek;

use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, ECDSA_P256_SHA256_ASN1_SIGNING};
use rustls::client::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::{AllowAnyAuthenticatedClient, ClientCertVerified, ClientCertVerifier, NoClientAuth};
use rustls::version::{TLS12, TLS13};
use rustls::{
    Certificate, ClientConfig, ClientConnection, Error, PrivateKey, RootCertStore, ServerConfig, ServerConnection,
    ServerName, SupportedProtocolVersion, Ticketer,
};

static BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
const XCHACHA20POLY1305: u32 = 2;
const RFC5077: u32 = 3;

// ---- What is needed

#[repr(C)]
struct Schedule {
    size: usize,
    seconds: [i64; 5],
    ahead: u32,
    profile: u32,
}

extern "C" {
    fn stek_ring_create(ring: *const c_char, schedule: *const Schedule, now: i64, failure: *mut c_void) -> c_int;
}

/// A ring in a folder of its own.
struct Ring(PathBuf);

impl Ring {
    fn new(profile: u32) -> Ring {
        let unique: u64 = u64::from_ne_bytes(ring::rand::generate(&SystemRandom::new()).unwrap().expose());
        let folder = std::env::temp_dir().join(format!("stek-rustls-{unique:x}"));
        std::fs::create_dir(&folder).unwrap();
        let ring = Ring(folder);
        let schedule = Schedule { size: std::mem::size_of::<Schedule>(), seconds: [0; 5], ahead: 0, profile };
        let path = CString::new(ring.path()).unwrap();
        assert_eq!(unsafe { stek_ring_create(path.as_ptr(), &schedule, 0, std::ptr::null_mut()) }, 0);
        ring
    }

    fn path(&self) -> String {
        self.0.join("ring.json").to_str().unwrap().into()
    }

    fn tickets(&self, must_authenticate: bool, context: u8) -> Arc<stek::Tickets> {
        let options = stek::Options {
            ring: &self.path(),
            domain: "shop",
            context: [context; 16],
            ..stek::Options::new(if must_authenticate { stek::Clients::MustAuthenticate } else { stek::Clients::Anonymous })
        };
        stek::Tickets::open(&options).map_err(|failure| failure.message).unwrap()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Takes any certificate: what is tested here comes behind it.
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self, _: &Certificate, _: &[Certificate], _: &ServerName, _: &mut dyn Iterator<Item = &[u8]>, _: &[u8],
        _: SystemTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self, _: &[u8], _: &Certificate, _: &rustls::internal::msgs::handshake::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self, _: &[u8], _: &Certificate, _: &rustls::internal::msgs::handshake::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ClientCertVerifier for Anybody {
    fn client_auth_root_subjects(&self) -> Option<rustls::DistinguishedNames> {
        Some(Vec::new())
    }
    fn verify_client_cert(
        &self, _: &Certificate, _: &[Certificate], _: SystemTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self, _: &[u8], _: &Certificate, _: &rustls::internal::msgs::handshake::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self, _: &[u8], _: &Certificate, _: &rustls::internal::msgs::handshake::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
}

/// Bytes in place of a certificate, which nobody here looks into.
fn certificate() -> (Vec<Certificate>, PrivateKey) {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    (vec![Certificate(vec![0x30, 0x00])], PrivateKey(key.as_ref().to_vec()))
}

fn server(verifier: Arc<dyn ClientCertVerifier>) -> ServerConfig {
    let (chain, key) = certificate();
    ServerConfig::builder()
        .with_safe_defaults()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap()
}

fn open_to_all() -> ServerConfig {
    server(NoClientAuth::new())
}

/// Nobody has a certificate of an authority that there is not.
fn closed_to_all() -> ServerConfig {
    server(AllowAnyAuthenticatedClient::new(RootCertStore::empty()))
}

fn client_builder(
    version: &'static SupportedProtocolVersion,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder()
        .with_safe_default_cipher_suites()
        .with_safe_default_kx_groups()
        .with_protocol_versions(&[version])
        .unwrap()
        .with_custom_certificate_verifier(Arc::new(Anybody))
}

/// A client that remembers its sessions.
fn client(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    Arc::new(client_builder(version).with_no_client_auth())
}

/// A whole handshake, and what the server sends behind it. The error is the server's.
fn meet(client: &Arc<ClientConfig>, server: Arc<ServerConfig>, name: &str) -> Result<ServerConnection, Error> {
    let name = ServerName::try_from(name).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        let met = server.process_new_packets();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        met?;
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    Ok(server)
}

struct Met {
    resumed: bool,
    reason: String,
    issued: bool,
    authenticated_at: Option<i64>,
}

/// By way of stek.
fn meet_with(
    tickets: &Arc<stek::Tickets>, client: &Arc<ClientConfig>, config: &ServerConfig, name: &str,
) -> Result<Met, Error> {
    let seat = stek::Connection::new(tickets);
    let server = meet(client, seat.config(config), name)?;
    Ok(Met {
        resumed: seat.resumed_in_tls12() || server.received_resumption_data().is_some(),
        reason: seat.reason(),
        issued: seat.issued(),
        authenticated_at: seat.authenticated_at(),
    })
}

// ---- What holds

#[test]
fn a_thousand_handshakes_half_of_them_resumed() {
    let ring = Ring::new(XCHACHA20POLY1305);
    let tickets = ring.tickets(false, 0);
    let config = open_to_all();
    let mut resumed = 0;
    for round in 0..500 {
        let client = client(BOTH[round % 2]);
        for visit in 0..2 {
            let met = meet_with(&tickets, &client, &config, "shop.example").unwrap();
            assert_eq!(met.resumed, visit == 1, "{}", met.reason);
            assert!(met.issued);
            resumed += i32::from(met.resumed);
        }
    }
    assert_eq!(resumed, 500);
}

#[test]
fn another_context_is_a_full_handshake() {
    let ring = Ring::new(XCHACHA20POLY1305);
    let config = open_to_all();
    for version in BOTH {
        let client = client(version);
        assert!(!meet_with(&ring.tickets(false, 0), &client, &config, "shop.example").unwrap().resumed);
        let elsewhere = meet_with(&ring.tickets(false, 7), &client, &config, "shop.example").unwrap();
        assert_eq!((elsewhere.resumed, elsewhere.reason.as_str()), (false, "context_differs"));
    }
}

#[test]
fn a_server_name_that_is_sealed_as_its_hash_resumes() {
    let ring = Ring::new(RFC5077);
    let tickets = ring.tickets(false, 0);
    let config = open_to_all();
    let client = client(&TLS12);
    let name = "a-name-that-is-longer-than-its-room.example";
    assert!(!meet_with(&tickets, &client, &config, name).unwrap().resumed);
    assert!(meet_with(&tickets, &client, &config, name).unwrap().resumed);
}

/// RFC 9325 section 3.4: a cap counts from the first full handshake, across renewals.
#[test]
fn renewals_keep_the_instant_of_the_first_full_handshake() {
    let ring = Ring::new(XCHACHA20POLY1305);
    let tickets = ring.tickets(false, 0);
    let config = open_to_all();
    for version in BOTH {
        let client = client(version);
        assert_eq!(meet_with(&tickets, &client, &config, "shop.example").unwrap().authenticated_at, None);
        let first = meet_with(&tickets, &client, &config, "shop.example").unwrap();
        assert!(first.resumed && first.issued);
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(1100));
            let again = meet_with(&tickets, &client, &config, "shop.example").unwrap();
            assert!(again.resumed && again.issued);
            assert_eq!(again.authenticated_at, first.authenticated_at);
        }
    }
}

/// The way around a client certificate: rustls resumes what its ticketer opens, and asks for none.
#[test]
fn stock_rustls_resumes_a_stranger_where_a_certificate_is_demanded() {
    let ticketer = Ticketer::new().unwrap();
    let with_ticketer = |mut config: ServerConfig| {
        config.ticketer = Arc::clone(&ticketer);
        Arc::new(config)
    };
    let (open, closed) = (with_ticketer(open_to_all()), with_ticketer(closed_to_all()));
    for version in BOTH {
        let stranger = client(version);
        assert!(meet(&stranger, Arc::clone(&closed), "shop.example").is_err());
        assert!(meet(&stranger, Arc::clone(&open), "shop.example").is_ok());
        let around = meet(&stranger, Arc::clone(&closed), "shop.example").expect("rustls lets it in");
        assert!(around.peer_certificates().is_none());
    }
}

#[test]
fn with_stek_a_stranger_never_resumes_where_a_certificate_is_demanded() {
    let ring = Ring::new(XCHACHA20POLY1305);
    let (open, closed) = (open_to_all(), closed_to_all());
    let everybodys = ring.tickets(false, 0);
    for members in [ring.tickets(true, 0), ring.tickets(true, 7), ring.tickets(false, 7)] {
        for version in BOTH {
            let stranger = client(version);
            assert!(meet_with(&everybodys, &stranger, &open, "shop.example").unwrap().issued);
            assert!(meet_with(&members, &stranger, &closed, "shop.example").is_err());
        }
    }
}

#[test]
fn a_client_with_a_certificate_gets_no_ticket_and_its_handshake_goes_on() {
    let ring = Ring::new(XCHACHA20POLY1305);
    let tickets = ring.tickets(true, 7);
    let config = server(Arc::new(Anybody));
    for version in BOTH {
        let (chain, key) = certificate();
        let member = Arc::new(client_builder(version).with_single_cert(chain, key).unwrap());
        for _ in 0..2 {
            let met = meet_with(&tickets, &member, &config, "shop.example").unwrap();
            assert!(!met.resumed && !met.issued);
        }
    }
}

#[test]
fn sessions_are_not_kept_by_their_ids() {
    let ring = Ring::new(XCHACHA20POLY1305);
    let own = stek::Connection::new(&ring.tickets(false, 0)).config(&open_to_all());
    assert!(!own.session_storage.can_cache());
}
