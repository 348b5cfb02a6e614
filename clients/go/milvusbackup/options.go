package milvusbackup

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"strings"

	"google.golang.org/grpc"
)

// Option says how a client reaches its server.
type Option func(*settings)

type settings struct {
	tls           *tls.Config
	insecure      bool
	authorization string
	dial          []grpc.DialOption
}

// WithTLS speaks TLS as the configuration says: other authorities, a client certificate, another server name.
func WithTLS(config *tls.Config) Option {
	return func(set *settings) { set.tls = config }
}

// WithInsecure speaks no TLS. Whoever listens on the way then reads the token or password too.
func WithInsecure() Option {
	return func(set *settings) { set.insecure = true }
}

// WithToken says who asks by a bearer token, one of server.tokens in the server's configuration.
// White space around it does not count, and an empty one is none.
func WithToken(token string) Option {
	return func(set *settings) {
		set.authorization = ""
		if token = strings.TrimSpace(token); token != "" {
			set.authorization = "Bearer " + token
		}
	}
}

// WithBasicAuth says who asks by a user's name and password, one of server.users in the server's configuration.
func WithBasicAuth(user, password string) Option {
	return func(set *settings) {
		set.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
}

// WithDialOptions adds options of gRPC's own, such as interceptors, a dialer, or keepalive.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(set *settings) { set.dial = append(set.dial, options...) }
}

// authorization sends one header with every call.
type authorization struct {
	value  string
	secure bool
}

func (a authorization) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": a.value}, nil
}

func (a authorization) RequireTransportSecurity() bool {
	return a.secure
}
