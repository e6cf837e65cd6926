// A TLS server in Pike whose tickets stekd seals, so that its sessions survive a restart, and resume on every
// process that asks a stekd over the same ring. Pike's own tickets name a session in the memory of one process.
//
//   pike8.0 server.pike --port=8443 --certificate=PEM --stekd=/run/stekd/shop.sock
//
// stekd's configuration allows the label: [realm.shop] with labels = ["pike/8.0"]. A handshake waits for stekd
// 10 ms at most, or as many as --deadline= says, and then goes on without a ticket. Without --stekd this is a
// server as Pike makes it.
//
// A ticket holds what Pike keeps of a session, and Pike decides on it in Session.reusable_as, as it does on one
// from its memory: version, suite, server name and certificate are the same, and more. stekd sees that the
// ticket is whole, of this realm, and of a key that has not expired.

constant LABEL = "pike/8.0";

//! RFC 9325 section 3.4: no session outlives a week. Seconds.
constant CAP = 604800;

//! What reusable_as compares, and what the keys of a connection are made of.
constant KEPT = ({ "version", "cipher_suite", "master_secret", "compression_algorithm", "max_packet_size",
                   "truncated_hmac", "server_name", "signature_algorithms", "ecc_curves", "ecc_point_format",
                   "encrypt_then_mac", "heartbeat_mode" });

//! One connection to stekd. Whatever goes wrong with it is no answer, within the deadline, in microseconds.
class Stekd(string path, int deadline)
{
  constant PAUSE = 1000000; // µs, in which a stekd that gave no answer is not asked again

  protected Stdio.File connection;
  protected int not_before;

  //! ({ ticket, lifetime hint in seconds }), or 0.
  array(string(8bit)|int) seal(string(8bit) data)
  {
    string(8bit) answer = ask("/v1/seal", data);
    int hint;
    string(8bit) ticket;
    // "Issued": the lifetime in four bytes, and the ticket behind its length in two.
    return answer && sscanf(answer, "%4c%2H", hint, ticket) == 2 && ({ ticket, hint });
  }

  //! What was sealed, or 0.
  string(8bit) open(string(8bit) ticket)
  {
    string(8bit) answer = ask("/v1/open", ticket);
    string(8bit) reason, data;
    // "Unsealed": a one where it opened, why behind its length in one byte, and the data.
    return answer && sscanf(answer, "\1%1H%s", reason, data) == 2 && data;
  }

  protected string(8bit) ask(string target, string(8bit) content)
  {
    if (gethrtime() < not_before) return 0;
    string(8bit) body = sprintf("%1H%s", LABEL, content);
    string(8bit) request = sprintf("POST %s HTTP/1.1\r\nHost: stekd\r\nContent-Type: application/octet-stream\r\n"
                                   "Content-Length: %d\r\n\r\n%s", target, sizeof(body), body);
    int until = gethrtime() + deadline;
    // stekd closes what is idle, which then has an end to be read.
    if (connection && connection->peek(0.0)) connection = 0;
    if (!connection && !connect()) return 0;
    string(8bit) answer = connection->write(request) == sizeof(request) && answer_by(until);
    // What comes later must not be taken for the next answer.
    if (!answer) give_up();
    return answer;
  }

  protected int(0..1) connect()
  {
    connection = Stdio.File();
    if (connection->connect_unix(path)) return 1;
    give_up();
    return 0;
  }

  protected void give_up()
  {
    connection = 0;
    not_before = gethrtime() + PAUSE;
  }

  //! The body of an answer of status 200.
  protected string(8bit) answer_by(int until)
  {
    string(8bit) got = "", head = "", body;
    int length = -1;
    while (length < 0 || sizeof(body) < length) {
      int left = until - gethrtime();
      if (left <= 0 || connection->peek(left / 1000000.0) != 1) return 0;
      string(8bit) part = connection->read(65536, 1);
      if (!part || part == "") return 0;
      got += part;
      if (sscanf(got, "%s\r\n\r\n%s", head, body) < 2) continue;
      if (sscanf(lower_case(head), "%*s\r\ncontent-length: %d", length) < 2) return 0;
    }
    if (!has_prefix(head, "HTTP/1.1 200 ") || sizeof(body) != length) return 0;
    return body;
  }
}

//! A Context whose tickets carry their sessions.
class TicketContext
{
  inherit SSL.Context;

  protected Stekd stekd;

  protected void create(Stekd its_stekd)
  {
    ::create();
    stekd = its_stekd;
  }

  int(0..1) offers_tickets() { return 1; }

  array(string(8bit)|int) encode_ticket(SSL.Session session)
  {
    // RFC 5077 section 3.3: "If the server determines that it does not want to include a ticket after it has
    // included the SessionTicket extension in the ServerHello, then it sends a zero-length ticket".
    return sealed(session, time()) || ({ "", 0 });
  }

  SSL.Session decode_ticket(string(8bit) ticket)
  {
    string(8bit) data = stekd->open(ticket);
    mapping(string:mixed) kept = data && decode_value(data);
    if (!kept || time() - kept->authenticated_at >= CAP) return 0;
    SSL.Session session = SSL.Session();
    foreach (KEPT, string name) session[name] = kept[name];
    // It is the same array where it is the same chain, for reusable_as.
    session->certificate_chain = chain_with(kept->chain);
    session->set_cipher_suite(session->cipher_suite, session->version, session->signature_algorithms, 512);
    // Pike hands out again what the session has: a fresh ticket, under the key that seals now.
    [session->ticket, int hint] = sealed(session, kept->authenticated_at) || ({ ticket, 60 });
    session->ticket_expiry_time = time() + hint;
    return session;
  }

  protected array(string(8bit)|int) sealed(SSL.Session session, int authenticated_at)
  {
    // Who a client is that showed a certificate, and whether it still may, is not for a ticket to say.
    if (session->peer_certificate_chain) return 0;
    mapping(string:mixed) kept = mkmapping(KEPT, map(KEPT, lambda(string name) { return session[name]; }));
    kept->authenticated_at = authenticated_at;
    kept->chain = hash_of(session->certificate_chain);
    array(string(8bit)|int) ticket = stekd->seal(encode_value(kept));
    return ticket && ({ ticket[0], min(ticket[1], authenticated_at + CAP - time()) });
  }

  protected string(8bit) hash_of(array(string(8bit)) chain)
  {
    return Crypto.SHA256.hash(sprintf("%{%3H%}", chain || ({})));
  }

  protected array(string(8bit)) chain_with(string(8bit) hash)
  {
    foreach (get_certificates(), object pair)
      if (hash_of(pair->certs) == hash) return pair->certs;
    return 0;
  }
}

Stekd stekd_for(mapping(string:string) options)
{
  return Stekd(options->stekd, (int)(options->deadline || "10") * 1000);
}

SSL.Context context_for(mapping(string:string) options)
{
  SSL.Context context = options->stekd ? TicketContext(stekd_for(options)) : SSL.Context();
  Standards.PEM.Messages pem = Standards.PEM.Messages(Stdio.read_file(options->certificate));
  string(8bit) key = pem->get_fragment_bodies((< "PRIVATE KEY" >))[0]; // PKCS #8, as openssl writes it
  context->add_cert(Standards.X509.parse_private_key(key), pem->get_certificates());
  return context;
}

//! Says hello to each client, and goodbye.
void serve(SSL.File client)
{
  client->set_blocking();
  client->write("hello from process %d\n", getpid());
  client->close();
}

int main(int argc, array(string) argv)
{
  mapping(string:string) options = Arg.parse(argv);
  SSL.Port port = SSL.Port();
  port->ctx = context_for(options);
  if (!port->bind((int)options->port, lambda() { serve(port->accept()); }, "127.0.0.1"))
    exit(1, "cannot listen on port %s: %s\n", options->port, strerror(port->errno()));
  write("listening on %s\n", port->query_address());
  return -1;
}
