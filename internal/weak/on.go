//go:build charye_weak

package weak

import "os"

var name = os.Getenv("CHARYE_WEAK")

// Off reports whether CHARYE_WEAK names this defence.
func Off(d Defence) bool { return name == string(d) }
