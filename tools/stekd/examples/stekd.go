// stekd from Go, with nothing but Go's own packages.
//
//	tickets := NewStekd("/run/stekd/shop.sock", 10*time.Millisecond)
//	issued, err := tickets.Issue(session)
//	answer := tickets.Resume(issued.Ticket, hello)
//	if answer.Verdict.Outcome == "resume" { ... }
//
// A session is an object as `stek ticket issue` reads it. A hello is one too, or the ClientHello's
// bytes, as []byte. What goes wrong with the daemon is an error for Issue, and the handshake goes on
// without a ticket; for Resume it is a full handshake, and its reason.
//
// A Stekd may be used by any number of goroutines. The deadline is of each call as a whole.
//
//	go run stekd.go /run/stekd/shop.sock       # shows all of it
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

type Object map[string]any

type Issued struct {
	Ticket       []byte `json:"ticket"` // encoding/json has []byte as base64, as stekd does
	LifetimeHint int    `json:"lifetime_hint"`
}

type Answer struct {
	Verdict struct {
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
		Alert   string `json:"alert"`
		Renew   bool   `json:"renew"`
	} `json:"verdict"`
	Session Object `json:"session"`
}

type Stekd struct {
	client   http.Client
	deadline time.Duration
}

func NewStekd(path string, deadline time.Duration) *Stekd {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 32}
	return &Stekd{client: http.Client{Transport: transport}, deadline: deadline}
}

func (s *Stekd) Issue(session Object) (Issued, error) {
	var issued Issued
	return issued, s.ask("/v1/issue", session, &issued)
}

func (s *Stekd) Resume(ticket []byte, hello any) Answer {
	var answer Answer
	if err := s.ask("/v1/resume", Object{"ticket": ticket, "hello": hello}, &answer); err != nil {
		answer = Answer{}
		answer.Verdict.Outcome, answer.Verdict.Reason = "full_handshake", err.Error()
	}
	return answer
}

func (s *Stekd) ask(target string, body Object, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.deadline)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, "POST", "http://stekd"+target, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return json.NewDecoder(response.Body).Decode(answer)
	}
	var problem struct{ Title string }
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		return err
	}
	return fmt.Errorf("stekd: %s", problem.Title)
}

func main() {
	tickets := NewStekd(os.Args[1], 10*time.Millisecond)
	session := Object{"version": "TLS 1.2", "cipher_suite": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
		"secret": "5a3c" + strings.Repeat("17", 46), "extended_master_secret": true, "server_name": "shop.example"}
	issued, err := tickets.Issue(session)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no ticket:", err)
		os.Exit(1)
	}
	fmt.Println("issued for", issued.LifetimeHint, "s")
	for _, name := range []string{"shop.example", "other.example"} {
		answer := tickets.Resume(issued.Ticket, Object{"legacy_version": "TLS 1.2", "server_name": name,
			"cipher_suites": []any{session["cipher_suite"]}, "extended_master_secret": true})
		same := ""
		if answer.Session["secret"] == session["secret"] {
			same = "same secret"
		}
		fmt.Println(name, answer.Verdict.Outcome, answer.Verdict.Reason, same)
	}
}
