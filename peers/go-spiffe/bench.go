package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// order is one line on standard input; each is answered by one line. Byte strings are base64.
type order struct {
	Do          string `json:"do"`
	TrustDomain string `json:"trustDomain"`
	Audience    string `json:"audience"`
	// Authorities of the trust domain in DER, and its JWKS.
	Authorities [][]byte `json:"authorities"`
	JWKS        string   `json:"jwks"`
	// Sets of chains, leaf first, and of tokens, by name.
	Chains map[string][][][]byte `json:"chains"`
	Tokens map[string][]string   `json:"tokens"`
	// What to verify, and how often.
	What  string `json:"what"`
	Count int    `json:"count"`
	// Where to knock, with which identities, and what the server's leaf must be.
	Address  string     `json:"address"`
	InFlight int        `json:"inFlight"`
	Clients  []identity `json:"clients"`
	Leaf     []byte     `json:"leaf"`
}

type identity struct {
	Certificates [][]byte `json:"certificates"`
	Key          []byte   `json:"key"`
}

// bench measures go-spiffe, or knocks at a server that is measured, as the orders on standard input say.
func bench(ctx context.Context, o options) error {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	var verifiers map[string]func(int) error
	var count map[string]int
	for ctx.Err() == nil {
		line, err := input.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var given order
		if err := json.Unmarshal(line, &given); err != nil {
			return err
		}
		var answer event
		switch given.Do {
		case "prepare":
			verifiers, count, err = prepare(given)
			answer = event{}
		case "verify":
			answer, err = measure(verifiers[given.What], count[given.What], given.Count)
		case "serve":
			answer, err = startServer(ctx, o)
		case "cpu":
			answer = event{"cpuUs": cpuUs()}
		case "knock":
			answer, err = knock(given)
		case "await":
			answer, err = await(given)
		default:
			err = fmt.Errorf("no order %q", given.Do)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", given.Do, err)
		}
		say(answer)
	}
	return nil
}

// prepare makes a function per set that verifies its n-th member.
func prepare(given order) (map[string]func(int) error, map[string]int, error) {
	trustDomain, err := spiffeid.TrustDomainFromString(given.TrustDomain)
	if err != nil {
		return nil, nil, err
	}
	x509Bundle := x509bundle.New(trustDomain)
	for _, der := range given.Authorities {
		one, err := x509bundle.ParseRaw(trustDomain, der)
		if err != nil {
			return nil, nil, err
		}
		for _, authority := range one.X509Authorities() {
			x509Bundle.AddX509Authority(authority)
		}
	}
	jwtBundle, err := jwtbundle.Parse(trustDomain, []byte(given.JWKS))
	if err != nil {
		return nil, nil, err
	}
	audience := []string{given.Audience}
	verifiers, count := map[string]func(int) error{}, map[string]int{}
	for name, chains := range given.Chains {
		count[name] = len(chains)
		verifiers[name] = func(at int) error {
			_, _, err := x509svid.ParseAndVerify(chains[at], x509Bundle)
			return err
		}
	}
	for name, tokens := range given.Tokens {
		count[name] = len(tokens)
		verifiers[name] = func(at int) error {
			_, err := jwtsvid.ParseAndValidate(tokens[at], jwtBundle, audience)
			return err
		}
	}
	return verifiers, count, nil
}

func measure(verify func(int) error, size, count int) (event, error) {
	if verify == nil || size == 0 {
		return nil, fmt.Errorf("nothing was prepared")
	}
	cpuBefore, startedAt := cpuUs(), time.Now()
	for at := range count {
		if err := verify(at % size); err != nil {
			return nil, err
		}
	}
	return event{"wallUs": time.Since(startedAt).Microseconds(), "cpuUs": cpuUs() - cpuBefore}, nil
}

// cpuUs is the CPU time of this process and all its threads so far.
func cpuUs() int64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano()/1000 + usage.Stime.Nano()/1000
}
