package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// question is one line of the input. Bytes are base64, as encoding/json has it.
type question struct {
	// Kind is x509, svid, jwt, bundle, jwks or id.
	Kind string `json:"kind"`
	// TrustDomain is whose bundle it is.
	TrustDomain string   `json:"trustDomain"`
	Chain       [][]byte `json:"chain"`
	// Authorities are the X.509 bundle: one certificate in DER each.
	Authorities [][]byte `json:"authorities"`
	Key         []byte   `json:"key"`
	// At is the time to verify at, in ms since the epoch. go-spiffe takes none for a token: that is verified now.
	At       int64  `json:"at"`
	Token    []byte `json:"token"`
	Audience string `json:"audience"`
	// Document is a JWKS or SPIFFE bundle document.
	Document []byte `json:"document"`
	Text     []byte `json:"text"`
}

// algorithms are those that go-spiffe allows.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512,
}

// answerQuestions says of each line of the input, in order, what go-spiffe makes of it.
func answerQuestions(context.Context, options) error {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := input.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		say(answer(line))
	}
}

func answer(line []byte) (said event) {
	defer func() {
		if reason := recover(); reason != nil {
			said = event{"ok": false, "error": fmt.Sprintf("panic: %v", reason), "panic": true}
		}
	}()
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return event{"ok": false, "error": "not a question: " + err.Error(), "misunderstood": true}
	}
	said, err := judge(asked)
	if err != nil {
		return event{"ok": false, "error": err.Error()}
	}
	said["ok"] = true
	return said
}

func judge(asked question) (event, error) {
	switch asked.Kind {
	case "x509":
		return judgeX509(asked)
	case "svid":
		svid, err := x509svid.ParseRaw(concatenate(asked.Chain), asked.Key)
		if err != nil {
			return nil, err
		}
		return event{"id": svid.ID.String()}, nil
	case "jwt":
		return judgeJWT(asked)
	case "jwks":
		bundle, err := parseJWKS(asked)
		if err != nil {
			return nil, err
		}
		return event{"jwtAuthorities": len(bundle.JWTAuthorities())}, nil
	case "bundle":
		return judgeBundle(asked)
	case "id":
		id, err := spiffeid.FromString(string(asked.Text))
		if err != nil {
			return nil, err
		}
		return event{"id": id.String(), "trustDomain": id.TrustDomain().Name(), "path": id.Path()}, nil
	default:
		return nil, fmt.Errorf("no kind %q", asked.Kind)
	}
}

func judgeX509(asked question) (event, error) {
	trustDomain, err := spiffeid.TrustDomainFromString(asked.TrustDomain)
	if err != nil {
		return nil, err
	}
	bundle := x509bundle.New(trustDomain)
	for _, authority := range asked.Authorities {
		certificate, err := x509.ParseCertificate(authority)
		if err != nil {
			return nil, fmt.Errorf("bundle: %w", err)
		}
		bundle.AddX509Authority(certificate)
	}
	id, _, err := x509svid.ParseAndVerify(asked.Chain, bundle, x509svid.WithTime(time.UnixMilli(asked.At)))
	if err != nil {
		return nil, err
	}
	return event{"id": id.String()}, nil
}

func parseJWKS(asked question) (*jwtbundle.Bundle, error) {
	trustDomain, err := spiffeid.TrustDomainFromString(asked.TrustDomain)
	if err != nil {
		return nil, err
	}
	return jwtbundle.Parse(trustDomain, asked.Document)
}

func judgeJWT(asked question) (event, error) {
	bundle, err := parseJWKS(asked)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	svid, err := jwtsvid.ParseAndValidate(string(asked.Token), bundle, []string{asked.Audience})
	if err != nil {
		// go-spiffe keeps the reason of go-jose to itself.
		if _, reason := jwt.ParseSigned(string(asked.Token), algorithms); reason != nil {
			return nil, fmt.Errorf("%w: %w", err, reason)
		}
		return nil, err
	}
	return event{"id": svid.ID.String()}, nil
}

func judgeBundle(asked question) (event, error) {
	trustDomain, err := spiffeid.TrustDomainFromString(asked.TrustDomain)
	if err != nil {
		return nil, err
	}
	bundle, err := spiffebundle.Parse(trustDomain, asked.Document)
	if err != nil {
		return nil, err
	}
	said := event{
		"x509Authorities": len(bundle.X509Authorities()),
		"jwtAuthorities":  len(bundle.JWTAuthorities()),
	}
	if sequence, ok := bundle.SequenceNumber(); ok {
		said["sequence"] = fmt.Sprint(sequence)
	}
	return said, nil
}

func concatenate(parts [][]byte) []byte {
	whole := []byte{}
	for _, part := range parts {
		whole = append(whole, part...)
	}
	return whole
}
