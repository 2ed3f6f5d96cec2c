// Package install has tests only: what make installs, the Debian package, the
// service that vodmr-conf makes, and each command of INSTALL.
package install
