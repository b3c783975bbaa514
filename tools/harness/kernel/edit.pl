#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# Apply anchored edits to files of a kernel tree.
#
#   edit.pl KERNEL REPO STAGE PRISTINE... -- EDITFILE...
#
# A source is looked for in STAGE (an earlier edit's result), then in the
# PRISTINE directories in order; the result is written to STAGE.  An anchor must
# occur exactly once, or the exit is non-zero: a kernel that moved under an edit is
# noticed, never guessed at.
#
# An edit file has stanzas, separated by nothing but their first word:
#
#   file PATH [into PATH]     what to edit, and the result's other name; without
#                             "into" several PATHs, and "*" in their last part
#   kernel [not] NAME         only for this kernel, or for all others (default: any)
#   replace | before | after  followed by the anchor, lines that start with "|"
#   cut                       drop the anchor, and what follows up to "until"
#   until                     followed by a second anchor, before which the cut ends;
#                             without "until" only the anchor is cut; with no lines
#                             after "until" the rest of the file is cut, too
#   every                     replace the anchor wherever a line ends with it; it must
#                             occur at least once in all the files together
#   append                    at the end of the file, no anchor
#   with                      followed by the new text, lines that start with "|"
#   fragment PATH             the new text is this file of the repository, without
#                             its heading comment
use strict;
use warnings;
use File::Basename;
use File::Path;

my ($kernel, $repo, $stage, @rest) = @ARGV;
my @pristine;
push @pristine, shift @rest while @rest && $rest[0] ne '--';
my (undef, @edits) = @rest;

sub slurp {
	open(my $fh, '<', $_[0]) or die "edit: $_[0]: $!\n";
	local $/;
	return <$fh> // '';
}

sub spew {
	my ($path, $text) = @_;
	File::Path::make_path(dirname($path));
	open(my $fh, '>', $path) or die "edit: $path: $!\n";
	print $fh $text;
	close $fh or die "edit: $path: $!\n";
}

# Parse one edit file into a list of operations.
sub parse {
	my ($name) = @_;
	my (@ops, %in, $slot);
	my $n = 0;
	for (split /\n/, slurp($name)) {
		$n++;
		if (/^\|(.*)/ && $slot) {
			$$slot .= "$1\n";
		} elsif (/^\s*(#|$)/) {
			next;
		} elsif (/^file\s+(.+?)(?:\s+into\s+(\S+))?$/) {
			%in = (files => [split ' ', $1], into => $2);
		} elsif (/^kernel\s+(.+)/) {
			$in{kernel} = $1;
		} elsif (/^(replace|before|after|append|cut|every)$/) {
			push @ops, { %in, verb => $1, anchor => '', with => '', at => "$name:$n" };
			$slot = \$ops[-1]{anchor};
		} elsif (/^(with|until)$/ && @ops) {
			$slot = \$ops[-1]{$1};
			$$slot = '';
		} elsif (/^fragment\s+(\S+)$/ && @ops) {
			($ops[-1]{with} = slurp("$repo/$1")) =~ s/\A(?:#[^\n]*\n|\s*\n)+//;
			$ops[-1]{with} .= "\n" if $ops[-1]{verb} eq 'before';
		} else {
			die "edit $name:$n: not understood: $_\n";
		}
	}
	return @ops;
}

sub is_for_kernel {
	my ($not, $name) = ($_[0] // 'any') =~ /^(not )?(.*)$/;
	return $not ? $name ne $kernel : $name eq $kernel || $name eq 'any';
}

# The paths that a "*" stands for, in any of the directories.
sub expand {
	my %path;
	for my $pattern (@_) {
		$path{$pattern} = 1, next if $pattern !~ /\*/;
		for my $dir ($stage, @pristine) {
			$path{substr $_, length("$dir/")} = 1 for glob "$dir/$pattern";
		}
	}
	return sort keys %path;
}

# The text with the edit made.
sub edited {
	my ($op, $file, $text) = @_;
	my ($anchor, $new) = (quotemeta $op->{anchor}, $op->{with});
	return $text . $new if $op->{verb} eq 'append';
	return $text =~ s/$anchor/$new/gr if $op->{verb} eq 'every';

	my $count = () = $text =~ /^$anchor/mg;
	die "edit $op->{at}: anchor found $count times in $file\n" unless $count == 1;
	return $text =~ s/^(?=$anchor)/$new/mr if $op->{verb} eq 'before';
	return $text =~ s/^($anchor)/$1$new/mr if $op->{verb} eq 'after';
	my $until = $op->{until};
	$anchor .= length $until ? ".*?(?=^\Q$until\E)" : '.*' if defined $until;
	$text =~ s/^$anchor/$new/ms or die "edit $op->{at}: no \"until\" after the cut in $file\n";
	return $text;
}

for my $op (map { parse($_) } @edits) {
	next unless is_for_kernel($op->{kernel});
	my $changed = 0;
	for my $file (expand(@{$op->{files}})) {
		my $into = $op->{into} // $file;
		my ($source) = grep { -e } "$stage/$into", map { "$_/$file" } @pristine;
		die "edit $op->{at}: no file $file\n" unless $source;
		my $text = slurp($source);
		my $new = edited($op, $file, $text);
		next if $new eq $text;
		spew("$stage/$into", $new);
		$changed = 1;
	}
	die "edit $op->{at}: anchor not found in @{$op->{files}}\n" unless $changed;
}
