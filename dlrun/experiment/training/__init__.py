"""How a learner is fitted: settings, losses, class weights, and what is chosen where nothing is said."""
