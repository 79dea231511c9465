package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
)

const patience = 10 * time.Second

// tlsServer answers each line of an authorized client with the SPIFFE ID it found, until it is told to end.
func tlsServer(ctx context.Context, o options) error {
	id, err := o.authorizedID()
	if err != nil {
		return err
	}
	source, err := o.source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	config := tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(id))
	listener, err := tls.Listen("tcp", *o.address, config)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	say(event{"event": "listening", "address": listener.Addr().String()})
	for {
		connection, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		serve(connection.(*tls.Conn))
	}
}

func serve(connection *tls.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		say(event{"event": "refused", "reason": err.Error()})
		return
	}
	peer, err := spiffetls.PeerIDFromConnectionState(connection.ConnectionState())
	if err != nil {
		say(event{"event": "refused", "reason": err.Error()})
		return
	}
	say(event{"event": "accepted", "peer": peer.String()})
	fmt.Fprintf(connection, "%s said %s", peer, line)
}

// tlsClient sends one line and prints the answer. A server of another ID is refused here; one that refuses us closes.
func tlsClient(ctx context.Context, o options) error {
	id, err := o.authorizedID()
	if err != nil {
		return err
	}
	source, err := o.source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	dialer := tls.Dialer{Config: tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(id))}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dialed, err := dialer.DialContext(ctx, "tcp", *o.address)
	if err != nil {
		return err
	}
	connection := dialed.(*tls.Conn)
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	peer, err := spiffetls.PeerIDFromConnectionState(connection.ConnectionState())
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintln(connection, "hello from go-spiffe"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	say(event{"event": "answered", "peer": peer.String(), "answer": answer})
	return nil
}
