package postgres

// SetBetween has f called after a batch was decided and before it is sent, the first time only.
func (l *Ledger) SetBetween(f func()) {
	l.between = func() {
		l.between = nil
		f()
	}
}
