module peers/spire

go 1.26.6

require github.com/spiffe/spire v1.15.3

replace github.com/Keyfactor/ejbca-go-client-sdk => github.com/Keyfactor/ejbca-go-client-sdk v1.0.2
