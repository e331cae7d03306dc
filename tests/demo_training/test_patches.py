import pytest
import torch
from torch.nn import Conv3d

from vtg_core.demo_training.patches import patches_as_product

PATCH = (2, 4, 4)


def trained_once(convolution, patches):
    """Return what a convolution makes of patches, and its gradients."""
    convolution.zero_grad()
    embedded = convolution(patches)
    (embedded**2).sum().backward()
    return embedded.detach(), convolution.weight.grad.clone(), convolution.bias.grad.clone()


def test_patches_as_large_as_the_kernel_give_the_same_values_and_gradients():
    torch.manual_seed(1)
    convolution, patches = Conv3d(3, 8, PATCH, PATCH), torch.randn(50, 3, *PATCH)
    plain = trained_once(convolution, patches)
    with patches_as_product(convolution):
        torch.testing.assert_close(trained_once(convolution, patches), plain)
    torch.testing.assert_close(trained_once(convolution, patches), plain, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("convolution", "shape"),
    [
        (Conv3d(3, 8, PATCH, PATCH), (2, 3, 4, 8, 8)),
        (Conv3d(3, 8, PATCH, PATCH, padding=1), (2, 3, *PATCH)),
        (Conv3d(4, 8, PATCH, PATCH, groups=2), (2, 4, *PATCH)),
    ],
    ids=["larger-than-the-kernel", "padded", "grouped"],
)
def test_anything_else_stays_a_convolution(convolution, shape):
    pixels = torch.randn(*shape)
    plain = convolution(pixels)
    with patches_as_product(convolution):
        assert torch.equal(convolution(pixels), plain)


def test_the_model_is_left_as_it_came_also_after_an_error():
    convolution = Conv3d(3, 8, PATCH, PATCH)
    with pytest.raises(KeyError), patches_as_product(convolution):  # noqa: PT012
        assert "forward" in vars(convolution)
        raise KeyError
    assert "forward" not in vars(convolution)
