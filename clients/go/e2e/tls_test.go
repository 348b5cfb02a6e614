//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

// authority is a certificate authority for a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.key = newKey(t)
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert = a.sign(t, "authority", template, template, a.key, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign signs a certificate and writes it and its key to NAME.pem and NAME.key.
func (a *authority) sign(t *testing.T, name string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	signed, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		a.path(name, "pem"): {Type: "CERTIFICATE", Bytes: signed},
		a.path(name, "key"): {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(signed)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (a *authority) path(name, kind string) string {
	return filepath.Join(a.dir, name+"."+kind)
}

// certify issues a certificate for this name and usage.
func (a *authority) certify(t *testing.T, name string, usage x509.ExtKeyUsage) {
	t.Helper()
	template := &x509.Certificate{
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:    []string{name},
	}
	a.sign(t, name, template, a.cert, newKey(t), a.key)
}

func TestTLSWithClientCertificates(t *testing.T) {
	ca := newAuthority(t)
	ca.certify(t, "server", x509.ExtKeyUsageServerAuth)
	ca.certify(t, "agent", x509.ExtKeyUsageClientAuth)
	address := startServer(t, runningMilvus(t), fmt.Sprintf("  tls: {cert: %q, key: %q, client_ca: %q}\n  client_names: [\"agent:read\"]\n",
		ca.path("server", "pem"), ca.path("server", "key"), ca.path("authority", "pem")))
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	ctx := testContext(t)

	trustCA := milvusbackup.WithTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	withToken := connect(t, address, trustCA, milvusbackup.WithToken(reader))
	if backups := withToken.ListBackups(ctx); backups.Next() || backups.Err() != nil {
		t.Errorf("with a token: %v", backups.Err())
	}
	if _, err := connect(t, address, trustCA).GetBackup(ctx, "x"); !errors.Is(err, milvusbackup.ErrUnauthenticated) {
		t.Errorf("without a token or a certificate: %v", err)
	}
	certificate, err := tls.LoadX509KeyPair(ca.path("agent", "pem"), ca.path("agent", "key"))
	if err != nil {
		t.Fatal(err)
	}
	withCertificate := milvusbackup.WithTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if backups := connect(t, address, withCertificate).ListBackups(ctx); backups.Next() || backups.Err() != nil {
		t.Errorf("with a client certificate: %v", backups.Err())
	}
	untrusting := connect(t, address, milvusbackup.WithToken(reader))
	if _, err := untrusting.GetBackup(ctx, "x"); !errors.Is(err, milvusbackup.ErrUnavailable) {
		t.Errorf("with an untrusted certificate authority: %v", err)
	}
}
