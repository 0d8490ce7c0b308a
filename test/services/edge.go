package services

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Edge is a private nginx before some nodes, as deploy/nginx/edge.conf sets it up: HTTPS on the loopback, with a certificate
// made for it.
type Edge struct {
	URL    string // without a slash at the end
	Client *http.Client
	CA     string // file of the certificate that it shows
}

// EdgeURL is what people type for an edge at an address.
func EdgeURL(address string) string {
	return "https://localhost" + address[strings.LastIndex(address, ":"):]
}

// StartEdge starts an edge at an address, before nodes at these (host:port); it ends with the test. config is the file to run.
func StartEdge(t testing.TB, config, address string, nodes ...string) *Edge {
	t.Helper()
	NeedE2E(t)
	dir, err := os.MkdirTemp("", "charye-edge-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots, err := makeCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // nginx's workers are somebody else when root starts it
		t.Fatal(err)
	}
	src, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	var upstreams strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&upstreams, "server %s max_fails=1 fail_timeout=2s; ", n)
	}
	file := filepath.Join(dir, "edge.conf")
	text := strings.NewReplacer("@listen@", address, "@certificate@", cert, "@key@", key, "@upstreams@", upstreams.String(),
		"@cache@", filepath.Join(dir, "cache"), "@run@", dir,
		// A test machine opens fewer files than an edge.
		"worker_rlimit_nofile 200000", "worker_rlimit_nofile 10000", "worker_connections 20000", "worker_connections 4000").Replace(string(src))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // nginx has its own
	cmd := exec.Command(nginx(), "-c", file, "-p", dir, "-e", "stderr")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	exited, err := start(cmd, syscall.SIGTERM)
	if err != nil {
		t.Fatalf("nginx: %v (scripts/need-nginx installs it)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		<-exited
		if said, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("the edge said at last:\n%s", said[max(0, len(said)-4000):])
		}
	})
	e := &Edge{URL: EdgeURL(address), CA: cert, Client: &http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true},
	}}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return e
		}
		select {
		case <-exited:
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
			continue
		}
		said, _ := os.ReadFile(log.Name()) // a log that cannot be read says nothing
		t.Fatalf("nginx does not answer: %v\n%s", err, said)
	}
}

func nginx() string {
	if path := os.Getenv("CHARYE_NGINX"); path != "" {
		return path
	}
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx"
}

// makeCertificate writes a certificate for localhost that signs itself, good for a day.
func makeCertificate(certFile, keyFile string) (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(certFile, text, 0o600); err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return roots, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
}
