package pgdb

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PlainHosts lists the hosts of a URL that may be spoken to without TLS, as its sslmode or, without one, the environment and the
// default say: disable, allow and prefer all may. This machine's own addresses and Unix sockets are not among them: nobody is between.
func PlainHosts(url string) (hosts []string, err error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	plain := func(host string, tls bool) {
		if !tls && !ownMachine(host) && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	plain(cfg.ConnConfig.Host, cfg.ConnConfig.TLSConfig != nil)
	for _, f := range cfg.ConnConfig.Fallbacks {
		plain(f.Host, f.TLSConfig != nil)
	}
	return hosts, nil
}

func ownMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || ip != nil && ip.IsLoopback()
}
