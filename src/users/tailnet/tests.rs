//! Tests of the people of the tailnet, with a real store.
