// Package integration tests the whole chain between real programs: tcpserver,
// vodmr, a checkpassword program and vodmr-relay on the provider's side;
// fetchmail, atrn and many mail servers on the customer's. It owns the sites that the
// tests run on and the account of which message arrived where. It has no code
// of its own beside the tests.
package integration
