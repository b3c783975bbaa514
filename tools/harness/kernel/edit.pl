#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# Apply anchored edits to files of a kernel tree.
#
#   edit.pl LABEL KERNEL REPO STAGE PRISTINE... -- [NAME=VALUE]... EDITFILE...
#
# A source is looked for in STAGE (an earlier edit's result), then in the
# PRISTINE directories in order; the result is written to STAGE.  An anchor must
# occur exactly once, or nothing is written and the exit is non-zero: a kernel
# that moved under an edit is noticed, never guessed at.
#
# An edit file has stanzas, separated by nothing but their first word:
#
#   file PATH [into PATH]     what to edit, and the result's other name; without
#                             "into" several PATHs, and "*" in their last part
#   kernel [not] NAME...      only for these kernels, or for all others (default: any)
#   replace | before | after  followed by the anchor, lines that start with "|"
#   cut                       drop the anchor, and what follows up to "until"
#   until                     a second anchor, the first such lines after the cut's,
#                             which stay; without it the anchor alone is cut, with
#                             no lines all that follows
#   every                     replace the anchor wherever it is, to the end of a
#                             line, once or more in all the files together
#   append                    at the end of the file, no anchor
#   with                      followed by the new text, lines that start with "|"
#   fragment PATH             the new text is this file of the repository, without
#                             its heading comment; no such file, no edit
#
# ${NAME} in new text is replaced by the VALUE given; an edit whose value is
# empty is left out.
use strict;
use warnings;

my ($label, $kernel, $repo, $stage, @rest) = @ARGV;
my @pristine;
push @pristine, shift @rest while @rest && $rest[0] ne '--';
shift @rest;
my (%var, @edits);
/^(\w+)=(.*)$/s ? ($var{$1} = $2) : push @edits, $_ for @rest;

sub slurp {
	open(my $fh, '<', $_[0]) or die "edit: $_[0]: $!\n";
	local $/;
	my $text = <$fh>;
	return defined $text ? $text : '';
}

sub spew {
	my ($path, $text) = @_;
	my $dir = '';
	for (split m{/}, $path =~ s{/[^/]*$}{}r) { $dir .= "$_/"; mkdir $dir }
	open(my $fh, '>', $path) or die "edit: $path: $!\n";
	print $fh $text;
	close $fh or die "edit: $path: $!\n";
}

# Parse one edit file into a list of operations.
sub parse {
	my ($name) = @_;
	my (@ops, $file, $into, $kernels, $slot);
	my %text = (with => 'text', until => 'until');
	my $n = 0;
	for (split /\n/, slurp($name)) {
		$n++;
		if (/^\|(.*)/) {
			die "edit $name:$n: text without a verb\n" unless $slot;
			$$slot .= "$1\n";
		} elsif (/^\s*(#|$)/) {
			next;
		} elsif (/^file\s+(\S+)\s+into\s+(\S+)$/) {
			($file, $into, $kernels, $slot) = ([$1], $2, '', undef);
		} elsif (/^file\s+(.+)/) {
			($file, $into, $kernels, $slot) = ([split ' ', $1], undef, '', undef);
		} elsif (/^kernel\s+(.+)/) {
			$kernels = $1;
		} elsif (/^(replace|before|after|append|cut|every)$/) {
			push @ops, { verb => $1, anchor => '', text => '', until => undef,
				at => "$name:$n", files => $file, into => $into,
				kernels => $kernels };
			$slot = $1 eq 'append' ? undef : \$ops[-1]{anchor};
		} elsif (/^(with|until)$/ && @ops) {
			$slot = \$ops[-1]{$text{$1}};
			$$slot //= '';
		} elsif (/^fragment\s+(\S+)$/ && @ops) {
			$ops[-1]{fragment} = $1;
		} else {
			die "edit $name:$n: not understood: $_\n";
		}
	}
	return @ops;
}

# The paths that a "*" stands for, in any of the directories.
sub expand {
	my ($op) = @_;
	my %path;
	for my $pattern (@{$op->{files}}) {
		$path{$pattern} = 1, next if $pattern !~ /\*/;
		for my $dir ($stage, @pristine) {
			$path{substr $_, length("$dir/")} = 1 for glob "$dir/$pattern";
		}
	}
	return sort keys %path;
}

sub source_of {
	my ($op, $file) = @_;
	my $into = $op->{into} // $file;
	return "$stage/$into" if -e "$stage/$into";
	for (@pristine) { return "$_/$file" if -e "$_/$file" }
	die "edit $op->{at}: no file $file in $label\n";
}

# What to put in or at the anchor's place; undef when the edit is left out.
sub new_text {
	my ($op) = @_;
	my $new = $op->{text};
	if ($op->{fragment}) {
		return undef unless -e "$repo/$op->{fragment}";
		($new = slurp("$repo/$op->{fragment}")) =~ s/\A(?:#[^\n]*\n|\s*\n)+//;
		$new .= "\n" if $op->{verb} eq 'before';
		$new = "\n$new" if $op->{verb} eq 'append' && $op->{files}[0] =~ /Kconfig/;
	}
	for my $name ($new =~ /\$\{(\w+)\}/g) {
		return undef unless length($var{$name} // '');
		$new =~ s/\$\{$name\}/$var{$name}/g;
	}
	return $new;
}

# The file's text with the edit made, and how often it was.
sub edited {
	my ($op, $file, $text, $new) = @_;
	my $anchor = $op->{anchor};
	return ($text . $new, 1) if $op->{verb} eq 'append';
	if ($op->{verb} eq 'every') {
		my $count = $text =~ s/\Q$anchor\E/$new/g;
		return ($text, $count || 0);
	}

	my $count = () = $text =~ /^\Q$anchor\E/mg;
	my $how = $count ? "found $count times" : 'not found';
	die "edit $op->{at}: anchor $how in $file of $label\n" unless $count == 1;
	if ($op->{verb} eq 'cut') {
		my $until = $op->{until};
		$until = defined $until ? length $until ? qr/(?=^\Q$until\E)/m : qr/\z/ : qr//;
		die "edit $op->{at}: nothing to cut until in $file of $label\n"
			unless $text =~ s/^\Q$anchor\E.*?$until/$new/ms;
	} elsif ($op->{verb} eq 'replace') {
		$text =~ s/^\Q$anchor\E/$new/m;
	} elsif ($op->{verb} eq 'before') {
		$text =~ s/^(?=\Q$anchor\E)/$new/m;
	} else {
		$text =~ s/^(\Q$anchor\E)/$1$new/m;
	}
	return ($text, 1);
}

sub apply {
	my ($op) = @_;
	my ($not, @kernels) = $op->{kernels} =~ /^(not )?(.*)$/ ? ($1, split ' ', $2) : ();
	my $named = grep { $_ eq $kernel || $_ eq 'any' } @kernels;
	return if @kernels && ($not ? $named : !$named);
	my $new = new_text($op);
	return unless defined $new;
	my $total = 0;
	for my $file (expand($op)) {
		my ($text, $count) = edited($op, $file, slurp(source_of($op, $file)), $new);
		spew("$stage/" . ($op->{into} // $file), $text) if $count;
		$total += $count;
	}
	die "edit $op->{at}: anchor not found in @{$op->{files}} of $label\n" unless $total;
}

apply($_) for map { parse($_) } @edits;
