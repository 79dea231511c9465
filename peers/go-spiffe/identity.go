package main

import (
	"context"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func (o options) client(ctx context.Context) (*workloadapi.Client, error) {
	return workloadapi.New(ctx, workloadapi.WithAddr(*o.workloadAPI))
}

// showX509 prints the identities and bundles that the Workload API hands out. go-spiffe has parsed and checked them.
func showX509(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := client.FetchX509Context(ctx)
	if err != nil {
		return err
	}
	say(contextEvent(found))
	return nil
}

func contextEvent(found *workloadapi.X509Context) event {
	svids := []event{}
	for _, svid := range found.SVIDs {
		svids = append(svids, event{
			"id":     svid.ID.String(),
			"hint":   svid.Hint,
			"serial": svid.Certificates[0].SerialNumber.Text(16),
		})
	}
	bundles := event{}
	for _, bundle := range found.Bundles.Bundles() {
		bundles[bundle.TrustDomain().Name()] = len(bundle.X509Authorities())
	}
	return event{"event": "context", "svids": svids, "bundles": bundles}
}

type watcher struct{}

func (watcher) OnX509ContextUpdate(found *workloadapi.X509Context) { say(contextEvent(found)) }
func (watcher) OnX509ContextWatchError(err error) {
	say(event{"event": "interrupted", "reason": err.Error()})
}

// watchX509 prints each update until it is told to end.
func watchX509(ctx context.Context, o options) error {
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.WatchX509Context(ctx, watcher{})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// fetchJWT prints a token: go-spiffe has parsed it, not verified it.
func fetchJWT(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	svids, err := client.FetchJWTSVIDs(ctx, jwtsvid.Params{Audience: *o.audience})
	if err != nil {
		return err
	}
	for _, svid := range svids {
		if *o.id == "" || svid.ID.String() == *o.id {
			say(event{"event": "token", "id": svid.ID.String(), "expiry": svid.Expiry.Format(time.RFC3339), "token": svid.Marshal()})
			return nil
		}
	}
	say(event{"event": "none"})
	return nil
}

// verifyJWT verifies a token from standard input with go-spiffe and the JWT bundles, and lets the Workload API do it too.
func verifyJWT(ctx context.Context, o options) error {
	token, err := readToken()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	answer := event{"event": "verified"}
	if svid, err := jwtsvid.ParseAndValidate(token, bundles, []string{*o.audience}); err != nil {
		answer["refusedHere"] = err.Error()
	} else {
		answer["here"] = svid.ID.String()
	}
	if svid, err := client.ValidateJWTSVID(ctx, token, *o.audience); err != nil {
		answer["refusedThere"] = err.Error()
	} else {
		answer["there"] = svid.ID.String()
	}
	say(answer)
	return nil
}
