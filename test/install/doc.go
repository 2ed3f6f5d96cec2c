// Package install has only tests: of the files that make installs, the Debian
// package, the service that vodmr-conf makes, and each command of INSTALL.
package install
