//go:build !charye_weak

package weak

// Off is false: every defence stands.
func Off(Defence) bool { return false }
