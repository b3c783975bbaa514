#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# Print the machine's own Debian mirror, so that the harness need not name one:
#   apt-mirror.pl main|security FILE...  ->  "URI[TAB]KEYRING"
# Reads one-line and deb822 sources.  "main" is the mirror that serves the base
# suite of the machine's release, "security" the one of its security suite.
use strict;
use warnings;

my $want = shift;
my %found;

# A line as a stanza
sub stanza {
	my ($options, $uri, $suite) = @_;
	my ($key) = ($options // '') =~ m{signed-by=(/[^\s,]+)};
	return "\n\nTypes: deb\nURIs: $uri\nSuites: $suite\n" . ($key ? "Signed-By: $key\n" : '');
}

for my $file (@ARGV) {
	open(my $fh, '<', $file) or next;
	my $text = do { local $/; <$fh> } // next;
	$text =~ s/^\s*#.*\n//mg;
	$text =~ s{^\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+).*}{stanza($1, $2, $3)}mge if $file !~ /\.sources$/;
	for (split /\n\s*\n/, $text) {
		my %f;
		$f{lc $1} = $2 while /^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)/mg;
		next if ($f{types} // '') !~ /\bdeb\b/ || lc($f{enabled} // 'yes') eq 'no';
		my $suites = $f{suites} // '';
		# Debian's base suites; other vendors' repositories name theirs otherwise.
		my $kind = $suites =~ /-security\b|\/updates\b/ ? 'security' :
			$suites =~ /(?:^|\s)(?:bookworm|trixie|forky|sid|stable|testing|unstable)(?:\s|$)/ ? 'main' : next;
		# A keyring can also be written into the file itself.
		my ($key) = ($f{'signed-by'} // '') =~ m{^(/\S+)};
		my ($uri) = ($f{uris} // '') =~ m{(\S+?)/*(?:\s|$)};
		$found{$kind} //= $key ? "$uri\t$key\n" : "$uri\n" if $uri;
	}
}
print $found{$want} // exit 1;
