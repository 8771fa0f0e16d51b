"""What tests share: no tests are in here, and tests import from here and from no other test."""
