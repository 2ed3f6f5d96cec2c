module vodmr

go 1.26.0

require (
	github.com/go-crypt/crypt v0.14.15
	github.com/google/go-cmp v0.7.0
	github.com/rogpeppe/go-internal v1.16.0
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/go-crypt/x v0.4.16 // indirect
	golang.org/x/tools v0.26.0 // indirect
)
