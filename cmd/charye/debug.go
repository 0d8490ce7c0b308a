package main

import (
	"net"
	"net/http"
	"net/http/pprof"
)

// loopbackOnly refuses a debug address that others could reach: profiles show memory.
func loopbackOnly(addr string) error {
	if addr == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback()) {
		return nil
	}
	return &usageError{msg: "--debug: want a loopback address such as localhost:6060"}
}

// listenDebug serves Go's profiles until the server closes.
func (s *server) listenDebug(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	h := newHTTPServer(mux, s.log)
	go func() { _ = h.Serve(l) }()
	s.closers = append(s.closers, h.Close)
	return nil
}
