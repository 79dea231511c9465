package main

import (
	"context"

	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// fetchFederated reads a bundle endpoint of the profile https_spiffe. The Workload API's bundle verifies the endpoint.
func fetchFederated(ctx context.Context, o options) error {
	id, err := o.authorizedID()
	if err != nil {
		return err
	}
	trustDomain, err := spiffeid.TrustDomainFromString(*o.trustDomain)
	if err != nil {
		return err
	}
	source, err := o.source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	bundle, err := federation.FetchBundle(ctx, trustDomain, *o.url, federation.WithSPIFFEAuth(source, id))
	if err != nil {
		return err
	}
	sequence, _ := bundle.SequenceNumber()
	hint, _ := bundle.RefreshHint()
	say(event{
		"event":              "bundle",
		"trustDomain":        bundle.TrustDomain().Name(),
		"x509Authorities":    len(bundle.X509Authorities()),
		"jwtAuthorities":     len(bundle.JWTAuthorities()),
		"sequence":           sequence,
		"refreshHintSeconds": hint.Seconds(),
	})
	return nil
}
