// Two connections to a port of this machine with Go's crypto/tls; the second offers the first one's ticket.
//
//	go_client PORT tls12|tls13
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"os"
)

func talk(port string, config *tls.Config) {
	connection, err := tls.Dial("tcp", "127.0.0.1:"+port, config)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprint(connection, "GET / HTTP/1.0\r\n\r\n")
	io.Copy(io.Discard, connection)
	state := connection.ConnectionState()
	fmt.Printf("%x, resumed: %v\n", state.Version, state.DidResume)
}

func main() {
	config := &tls.Config{
		ServerName:         "shop.example",
		NextProtos:         []string{"h2", "http/1.1"},
		InsecureSkipVerify: true,
		ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}
	if os.Args[2] == "tls12" {
		config.MaxVersion = tls.VersionTLS12
	}
	talk(os.Args[1], config)
	talk(os.Args[1], config)
}
