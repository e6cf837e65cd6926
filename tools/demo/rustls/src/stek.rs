//! stek's tickets for rustls 0.20, by stek's C interface. Servers on other TLS libraries that share
//! the ring resume them, and the other way round.
//!
//!     let tickets = stek::Tickets::open(&stek::Options {
//!         ring: "/var/lib/stek/ring.json", ..stek::Options::new(stek::Clients::Anonymous) })?;
//!     let config: ServerConfig = ...;                           // as ever
//!     for socket in listener.incoming() {
//!         let seat = stek::Connection::new(&tickets);           // one for each connection
//!         let tls = ServerConnection::new(seat.config(&config))?;
//!         ...
//!     }
//!
//! and `tickets.refresh()` once a minute.
//!
//! rustls shows `ProducesTickets` a session and nothing of the connection. A `Connection` is in its
//! place for one connection alone, and so knows what rustls does not say: the server name that the
//! client asks for, and since when the session is authenticated, which a renewal must not forget
//! (RFC 9325 section 3.4). Where rustls does not tell a full handshake from a resumption, that of
//! the oldest session that was opened counts.
//!
//! A server that demands a certificate of its clients says so, by `Clients::MustAuthenticate`: rustls
//! would resume any session that opens, without asking for one. Sessions with a certificate get no
//! ticket: rustls has no place for the instant at which it ends.

use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_void};
use std::sync::{Arc, Mutex};

use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::ServerConfig;

/// What is wrong, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    pub message: String,
    pub hint: String,
}

/// What the configuration's client verifier is. No default: to forget it would let strangers in.
#[derive(Clone, Copy, PartialEq)]
pub enum Clients {
    Anonymous,
    MustAuthenticate,
}

pub struct Options<'a> {
    pub ring: &'a str,
    /// Tickets of one trust domain never open in another.
    pub domain: &'a str,
    /// Hash of the configuration that authenticates clients: virtual host, trust anchors. Zeros: none.
    pub context: [u8; 16],
    pub clients: Clients,
    /// Tickets even for clients without the extended master secret (RFC 7627).
    pub legacy_ems: bool,
}

impl Options<'_> {
    pub fn new(clients: Clients) -> Self {
        Options { ring: "", domain: "", context: [0; 16], clients, legacy_ems: false }
    }
}

/// One trust domain of a ring, with one context. Any number of threads may use it.
pub struct Tickets {
    ticketer: *mut c_void,
    tickets: *mut c_void,
}

// stek.h: every call may be made from any thread at any time.
unsafe impl Send for Tickets {}
unsafe impl Sync for Tickets {}

impl Tickets {
    pub fn open(options: &Options) -> Result<Arc<Tickets>, Failure> {
        let ring = CString::new(options.ring).map_err(|_| Failure {
            message: "the ring's name has a zero in it".into(),
            hint: String::new(),
        })?;
        let policy = ffi::Policy::from(options);
        let domain = options.domain.as_bytes();
        let mut opened = Tickets { ticketer: std::ptr::null_mut(), tickets: std::ptr::null_mut() };
        told(|failure| unsafe { ffi::stek_ticketer_open(ring.as_ptr(), &policy, NOW, &mut opened.ticketer, failure) })?;
        told(|failure| unsafe {
            let (domain, size) = (domain.as_ptr().cast(), domain.len());
            ffi::stek_ticketer_in(opened.ticketer, domain, size, std::ptr::null(), NOW, &mut opened.tickets, failure)
        })?;
        Ok(Arc::new(opened))
    }

    /// Takes over a rotated ring and erases what has expired. On failure the ring held stays in use.
    pub fn refresh(&self) -> Result<(), Failure> {
        told(|failure| unsafe { ffi::stek_ticketer_refresh(self.ticketer, NOW, failure) })
    }
}

impl Drop for Tickets {
    fn drop(&mut self) {
        unsafe {
            ffi::stek_tickets_close(self.tickets);
            ffi::stek_ticketer_close(self.ticketer);
        }
    }
}

/// The tickets of one connection.
pub struct Connection {
    tickets: Arc<Tickets>,
    met: Mutex<Met>,
}

/// What was met on the way through the handshake.
#[derive(Default)]
struct Met {
    server_name: String,
    oldest_authentication: i64, // of the sessions that were opened; 0: none was
    opened: Secret,             // what a resumption in TLS 1.2 keeps of the last of them
    reason: c_int,
    lifetime_hint: u32,
    issued: bool,
    kept: bool,
}

impl Connection {
    pub fn new(tickets: &Arc<Tickets>) -> Arc<Connection> {
        let met = Met { reason: NO_TICKET, ..Met::default() };
        Arc::new(Connection { tickets: Arc::clone(tickets), met: Mutex::new(met) })
    }

    /// `config` with tickets of this connection, for `ServerConnection::new`, `Accepted::into_connection`
    /// or an acceptor that takes a configuration. Sessions that rustls would keep by their ids, past all
    /// rules of stek, are turned off.
    pub fn config(self: &Arc<Self>, config: &ServerConfig) -> Arc<ServerConfig> {
        let mut own = config.clone();
        let inner = Arc::clone(&own.cert_resolver);
        own.cert_resolver = Arc::new(Listener { inner, connection: Arc::clone(self) });
        own.ticketer = Arc::clone(self) as Arc<dyn ProducesTickets>;
        own.session_storage = Arc::new(NoServerSessionStorage {});
        Arc::new(own)
    }

    /// Why the last ticket that the client offered resumes or not, such as "ticket_expired". For logs,
    /// never for the client. "resumes" where stek had nothing against it, and rustls may.
    pub fn reason(&self) -> String {
        let name = unsafe { CStr::from_ptr(ffi::stek_reason_name(self.met.lock().unwrap().reason)) };
        name.to_string_lossy().into_owned()
    }

    /// Since when the session is authenticated that this connection resumed, in seconds since 1970: the
    /// oldest of those that opened.
    pub fn authenticated_at(&self) -> Option<i64> {
        Some(self.met.lock().unwrap().oldest_authentication).filter(|at| *at != 0)
    }

    /// Whether the client was given a ticket.
    pub fn issued(&self) -> bool {
        self.met.lock().unwrap().issued
    }

    /// Whether the connection resumed. Of TLS 1.3 `ServerConnection::received_resumption_data` says it.
    pub fn resumed_in_tls12(&self) -> bool {
        self.met.lock().unwrap().kept
    }
}

impl ProducesTickets for Connection {
    fn enabled(&self) -> bool {
        true
    }

    /// rustls asks for it right behind `encrypt`.
    fn lifetime(&self) -> u32 {
        self.met.lock().unwrap().lifetime_hint
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let mut met = self.met.lock().ok()?;
        let mut ticket = vec![0; MAX_TICKET];
        let mut size = ticket.len();
        let error = unsafe {
            let (bytes, length) = (session.as_ptr().cast(), session.len());
            let (room, hint) = (ticket.as_mut_ptr().cast(), &mut met.lifetime_hint as *mut u32);
            let since = met.oldest_authentication;
            ffi::stek_tickets_issue_encoded(
                self.tickets.tickets, RUSTLS_0_20, bytes, length, since, NOW, room, &mut size, hint)
        };
        met.issued = error == OK;
        met.kept = !met.opened.0.is_empty() && met.opened.0 == lasting(session);
        ticket.truncate(size);
        met.issued.then_some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let mut met = self.met.lock().ok()?;
        let mut session = vec![0; MAX_TICKET];
        let mut size = session.len();
        let mut verdict = ffi::Verdict { size: std::mem::size_of::<ffi::Verdict>(), ..Default::default() };
        let mut authenticated_at = 0;
        let error = unsafe {
            let (bytes, length) = (ticket.as_ptr().cast(), ticket.len());
            let (name, name_length) = (met.server_name.as_ptr().cast(), met.server_name.len());
            let room = session.as_mut_ptr().cast();
            ffi::stek_tickets_resume_encoded(
                self.tickets.tickets, RUSTLS_0_20, bytes, length, name, name_length, NOW, &mut verdict,
                &mut authenticated_at, room, &mut size)
        };
        met.reason = verdict.reason;
        if error != OK || verdict.outcome != RESUME {
            return None;
        }
        let oldest = met.oldest_authentication;
        met.oldest_authentication = if oldest == 0 { authenticated_at } else { oldest.min(authenticated_at) };
        session.truncate(size);
        met.opened = Secret(lasting(&session).to_vec());
        Some(session)
    }
}

/// Hears the server name, which rustls tells who chooses the certificate, before any ticket.
struct Listener {
    inner: Arc<dyn ResolvesServerCert>,
    connection: Arc<Connection>,
}

impl ResolvesServerCert for Listener {
    fn resolve(&self, hello: ClientHello) -> Option<Arc<CertifiedKey>> {
        self.connection.met.lock().ok()?.server_name = hello.server_name().unwrap_or_default().into();
        self.inner.resolve(hello)
    }
}

/// Server name, version, suite and master secret: where a ServerSessionValue has these.
fn lasting(session: &[u8]) -> &[u8] {
    let at = |place: usize| session.get(place).copied().unwrap_or(0) as usize;
    let name = if at(0) == 1 { 2 + at(1) } else { 1 };
    let secret = name + 4;
    session.get(..secret + 1 + at(secret)).unwrap_or_default()
}

#[derive(Default)]
struct Secret(Vec<u8>);

impl Drop for Secret {
    fn drop(&mut self) {
        unsafe { ffi::stek_wipe(self.0.as_mut_ptr().cast(), self.0.len()) }
    }
}

/// Calls something that says what went wrong.
fn told(call: impl FnOnce(*mut ffi::Failure) -> c_int) -> Result<(), Failure> {
    let mut failure = ffi::Failure {
        size: std::mem::size_of::<ffi::Failure>(),
        error: OK,
        message: [0; 500],
        hint: [0; 256],
    };
    if call(&mut failure) == OK {
        return Ok(());
    }
    let text = |room: &[c_char]| unsafe { CStr::from_ptr(room.as_ptr()) }.to_string_lossy().into_owned();
    Err(Failure { message: text(&failure.message), hint: text(&failure.hint) })
}

const NOW: i64 = 0;
const OK: c_int = 0;
const NO_TICKET: c_int = 1;
const RESUME: i32 = 1;
const LEGACY_EMS_RESUME: u8 = 2;
const RUSTLS_0_20: c_int = 1;
const MAX_TICKET: usize = 16450;

/// As much of <stek/stek.h> as is called here. Structs may be shorter than the library's.
mod ffi {
    use super::*;

    #[repr(C)]
    pub struct Policy {
        size: usize,
        min_version: u16,
        max_version: u16,
        legacy_ems: u8,
        require_client_identity: u8,
        tls13_any_server_name: u8,
        early_data: u8,
        context: [u8; 16],
    }

    impl From<&Options<'_>> for Policy {
        fn from(options: &Options) -> Policy {
            Policy {
                size: std::mem::size_of::<Policy>(),
                min_version: 0,
                max_version: 0,
                legacy_ems: if options.legacy_ems { LEGACY_EMS_RESUME } else { 0 },
                require_client_identity: (options.clients == Clients::MustAuthenticate).into(),
                tls13_any_server_name: 0,
                early_data: 0,
                context: options.context,
            }
        }
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct Verdict {
        pub size: usize,
        pub outcome: i32,
        pub reason: i32,
        pub alert: i32,
        pub cipher_suite: u16,
        pub renew: u8,
        pub reserved: u8,
        pub selected_identity: u64,
    }

    #[repr(C)]
    pub struct Failure {
        pub size: usize,
        pub error: i32,
        pub message: [c_char; 500],
        pub hint: [c_char; 256],
    }

    #[link(name = "stek")]
    extern "C" {
        pub fn stek_ticketer_open(
            ring: *const c_char, policy: *const Policy, now: i64, ticketer: *mut *mut c_void,
            failure: *mut Failure) -> c_int;
        pub fn stek_ticketer_refresh(ticketer: *mut c_void, now: i64, failure: *mut Failure) -> c_int;
        pub fn stek_ticketer_close(ticketer: *mut c_void);
        pub fn stek_ticketer_in(
            ticketer: *mut c_void, domain: *const c_void, domain_size: usize, context: *const u8, now: i64,
            tickets: *mut *mut c_void, failure: *mut Failure) -> c_int;
        pub fn stek_tickets_close(tickets: *mut c_void);
        pub fn stek_tickets_issue_encoded(
            tickets: *const c_void, encoding: c_int, session: *const c_void, session_size: usize,
            authenticated_at: i64, now: i64, ticket: *mut c_void, ticket_size: *mut usize,
            lifetime_hint: *mut u32) -> c_int;
        pub fn stek_tickets_resume_encoded(
            tickets: *const c_void, encoding: c_int, ticket: *const c_void, ticket_size: usize,
            server_name: *const c_char, server_name_size: usize, now: i64, verdict: *mut Verdict,
            authenticated_at: *mut i64, session: *mut c_void, session_size: *mut usize) -> c_int;
        pub fn stek_reason_name(reason: c_int) -> *const c_char;
        pub fn stek_wipe(room: *mut c_void, size: usize);
    }
}
