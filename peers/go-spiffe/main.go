// Command go-spiffe-peer is the other end of Muster's interoperability tests: go-spiffe as client and server of mutual
// TLS, and as a user of a Workload API. It prints one line of JSON per event; a token to verify comes on standard input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type event map[string]any

var output = json.NewEncoder(os.Stdout)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: go-spiffe-peer tls-server|tls-client|x509|watch|jwt-fetch|jwt-verify|federation-fetch|oracle|bench [flags]"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	given := options{
		workloadAPI: flags.String("workload-api", "", "address of the Workload API, unix:///path"),
		id:          flags.String("id", "", "the own SPIFFE ID, where there are several"),
		authorize:   flags.String("authorize", "", "the only SPIFFE ID that the other side may have"),
		address:     flags.String("address", "127.0.0.1:0", "host and port"),
		trustDomain: flags.String("trust-domain", "", "whose bundle to fetch"),
		url:         flags.String("url", "", "bundle endpoint"),
		audience:    flags.String("audience", "", "audience of a token"),
	}
	_ = flags.Parse(os.Args[2:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	commands := map[string]func(context.Context, options) error{
		"tls-server": tlsServer,
		"tls-client": tlsClient,
		"x509":       showX509,
		"watch":      watchX509,
		"jwt-fetch":  fetchJWT,
		"jwt-verify": verifyJWT,

		"federation-fetch": fetchFederated,
		"oracle":           answerQuestions,
		"bench":            bench,
	}
	run, isKnown := commands[os.Args[1]]
	if !isKnown {
		fail(fmt.Errorf("no command %q", os.Args[1]))
	}
	if err := run(ctx, given); err != nil {
		fail(err)
	}
}

type options struct {
	workloadAPI, id, authorize, address, audience, trustDomain, url *string
}

// source waits for the first identity; with an ID it takes that one and no other.
func (o options) source(ctx context.Context) (*workloadapi.X509Source, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	choice := workloadapi.WithDefaultX509SVIDPicker(func(svids []*x509svid.SVID) *x509svid.SVID {
		for _, svid := range svids {
			if *o.id == "" || svid.ID.String() == *o.id {
				return svid
			}
		}
		return nil
	})
	return workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(*o.workloadAPI)), choice)
}

func (o options) authorizedID() (spiffeid.ID, error) {
	return spiffeid.FromString(*o.authorize)
}

func say(what event) {
	_ = output.Encode(what)
}

func fail(err error) {
	say(event{"event": "failed", "reason": err.Error()})
	os.Exit(1)
}

func readToken() (string, error) {
	text, err := io.ReadAll(bufio.NewReader(os.Stdin))
	return strings.TrimSpace(string(text)), err
}
