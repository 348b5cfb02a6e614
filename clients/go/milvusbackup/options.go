package milvusbackup

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"strings"

	"google.golang.org/grpc"
)

// Option changes how a client connects to its server.
type Option func(*clientSettings)

type clientSettings struct {
	tls           *tls.Config
	insecure      bool
	authorization string
	dial          []grpc.DialOption
}

// WithTLS uses TLS with this configuration, for example with other certificate authorities, a client certificate or
// another server name.
func WithTLS(config *tls.Config) Option {
	return func(settings *clientSettings) { settings.tls = config }
}

// WithInsecure disables TLS. Anyone who can read the network traffic can then read the token or the password.
func WithInsecure() Option {
	return func(settings *clientSettings) { settings.insecure = true }
}

// WithToken authenticates with a bearer token, which must be one of server.tokens in the configuration of the server.
// It removes white space around the token. With an empty token, it sends none.
func WithToken(token string) Option {
	return func(settings *clientSettings) {
		settings.authorization = ""
		if token = strings.TrimSpace(token); token != "" {
			settings.authorization = "Bearer " + token
		}
	}
}

// WithBasicAuth authenticates with the name and the password of a user, who must be one of server.users in the
// configuration of the server.
func WithBasicAuth(user, password string) Option {
	return func(settings *clientSettings) {
		settings.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
}

// WithDialOptions adds options of gRPC, such as interceptors, a dialer or keepalive parameters.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(settings *clientSettings) { settings.dial = append(settings.dial, options...) }
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
