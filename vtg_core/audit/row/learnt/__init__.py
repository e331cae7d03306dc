"""What a checkpoint's processor and chat template write around what persons say, learnt by asking them."""
