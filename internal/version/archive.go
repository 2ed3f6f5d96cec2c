package version

// archived is the commit in an archive that `git archive` made, as those of a release are.
// Elsewhere it still begins with a dollar sign: see .gitattributes.
const archived = "$Format:%H$"
