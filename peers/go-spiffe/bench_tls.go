package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
)

// startServer answers each client of its own trust domain with one byte and closes.
func startServer(ctx context.Context, o options) (event, error) {
	trustDomain, err := spiffeid.TrustDomainFromString(*o.trustDomain)
	if err != nil {
		return nil, err
	}
	source, err := o.source(ctx)
	if err != nil {
		return nil, err
	}
	config := tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeMemberOf(trustDomain))
	config.SessionTicketsDisabled = true
	listener, err := tls.Listen("tcp", *o.address, config)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				_, _ = connection.Write([]byte{'.'})
			}()
		}
	}()
	return event{"address": listener.Addr().String()}, nil
}

// knock makes so many connections, so many at a time, each until the server closes after one byte: only an accepted client gets it.
func knock(given order) (event, error) {
	configs, err := clientConfigs(given)
	if err != nil {
		return nil, err
	}
	var next atomic.Int64
	var waiting sync.WaitGroup
	failures := make(chan error, given.InFlight)
	cpuBefore, startedAt := cpuUs(), time.Now()
	for range given.InFlight {
		waiting.Go(func() {
			for {
				at := next.Add(1) - 1
				if at >= int64(given.Count) {
					return
				}
				if _, err := connect(given.Address, configs[at%int64(len(configs))]); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	waiting.Wait()
	select {
	case err := <-failures:
		return nil, err
	default:
	}
	return event{"wallUs": time.Since(startedAt).Microseconds(), "cpuUs": cpuUs() - cpuBefore}, nil
}

// await connects again and again until the server shows the leaf, and says when that connection began and was accepted.
func await(given order) (event, error) {
	configs, err := clientConfigs(given)
	if err != nil {
		return nil, err
	}
	say(event{"event": "awaiting"})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		startedAt := time.Now()
		leaf, err := connect(given.Address, configs[0])
		if err != nil {
			return nil, err
		}
		if bytes.Equal(leaf, given.Leaf) {
			return event{"startedAtUs": startedAt.UnixMicro(), "acceptedAtUs": time.Now().UnixMicro()}, nil
		}
	}
	return nil, fmt.Errorf("the server did not show the new leaf within %s", patience)
}

// clientConfigs trust every server: the load shall cost little, and is not what is measured.
func clientConfigs(given order) ([]*tls.Config, error) {
	configs := []*tls.Config{}
	for _, client := range given.Clients {
		key, err := x509.ParsePKCS8PrivateKey(client.Key)
		if err != nil {
			return nil, err
		}
		configs = append(configs, &tls.Config{
			Certificates:       []tls.Certificate{{Certificate: client.Certificates, PrivateKey: key}},
			InsecureSkipVerify: true, // #nosec G402
		})
	}
	if len(configs) == 0 {
		return nil, fmt.Errorf("no client was given")
	}
	return configs, nil
}

// connect returns the leaf that the server showed.
func connect(address string, config *tls.Config) ([]byte, error) {
	plain, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	_ = plain.SetDeadline(time.Now().Add(patience))
	secure := tls.Client(plain, config)
	if answer, err := io.ReadAll(secure); err != nil || len(answer) != 1 {
		return nil, fmt.Errorf("the server closed after %d bytes: %w", len(answer), err)
	}
	return secure.ConnectionState().PeerCertificates[0].Raw, nil
}
